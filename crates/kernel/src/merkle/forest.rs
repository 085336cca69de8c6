//! Trees by number: what crosses the language border is a handle.

use super::{Shape, Tree};
use crate::fault::Fault;

/// The most trees at one time: every partition of the largest ring, and room for some that are being built.
pub const MAX_TREES: usize = 1 << INDEX_BITS;

const INDEX_BITS: u32 = 17;
const MAX_GENERATION: u32 = (1 << (32 - INDEX_BITS)) - 1;

#[derive(Debug, Default)]
struct Place {
    /// How many trees have stood here before. A place that has had its last one stays empty.
    generation: u32,
    tree: Option<Tree>,
}

/// Trees by handle. A handle is good for one tree: after it is freed, no other tree ever answers to it.
#[derive(Debug, Default)]
pub struct Forest {
    places: Vec<Place>,
    free: Vec<u32>,
}

impl Forest {
    /// Plants a tree without rows; its handle.
    pub fn create(&mut self, shape: Shape) -> Result<u32, Fault> {
        self.plant(Tree::new(shape)?)
    }

    /// In the place of a tree those of the 2^`bits` partitions that its own is split into: number and handle of each that holds rows.
    /// Fails, and changes nothing, where it cannot be split or there is no room.
    pub fn split(&mut self, handle: u32, bits: u32) -> Result<Vec<(u32, u32)>, Fault> {
        let children = (0..).zip(self.tree(handle)?.split(bits)?);
        let children: Vec<(u32, Tree)> = children.filter(|(_, child)| child.held().rows > 0).collect();
        if self.room() < children.len() {
            return Err(Fault::BadTree);
        }
        self.free(handle)?;
        children.into_iter().map(|(number, child)| Ok((number, self.plant(child)?))).collect()
    }

    fn room(&self) -> usize {
        self.free.len() + MAX_TREES - self.places.len()
    }

    fn plant(&mut self, tree: Tree) -> Result<u32, Fault> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.places.len() < MAX_TREES => {
                self.places.push(Place::default());
                self.places.len() as u32 - 1
            }
            None => return Err(Fault::BadTree),
        };
        let place = &mut self.places[index as usize];
        place.tree = Some(tree);
        Ok((place.generation << INDEX_BITS) | index)
    }

    fn place(&mut self, handle: u32) -> Result<&mut Place, Fault> {
        let index = handle & (MAX_TREES as u32 - 1);
        let place = self.places.get_mut(index as usize).ok_or(Fault::BadTree)?;
        if place.generation == handle >> INDEX_BITS { Ok(place) } else { Err(Fault::BadTree) }
    }

    /// The tree of a handle.
    pub fn tree(&mut self, handle: u32) -> Result<&mut Tree, Fault> {
        self.place(handle)?.tree.as_mut().ok_or(Fault::BadTree)
    }

    /// Frees a tree; its handle is never valid again.
    pub fn free(&mut self, handle: u32) -> Result<(), Fault> {
        let place = self.place(handle)?;
        place.tree.take().ok_or(Fault::BadTree)?;
        if place.generation < MAX_GENERATION {
            place.generation += 1;
            self.free.push(handle & (MAX_TREES as u32 - 1));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { partition: 0, partition_bits: 0, segment_bits: 2, fan_bits: 1 };

    #[test]
    fn a_freed_handle_is_never_valid_again() {
        let mut forest = Forest::default();
        let first = forest.create(SHAPE).expect("room");
        forest.free(first).expect("valid");
        let second = forest.create(SHAPE).expect("room");
        assert_ne!(first, second);
        assert_eq!(forest.tree(first).err(), Some(Fault::BadTree));
        assert_eq!(forest.free(first), Err(Fault::BadTree));
        assert!(forest.tree(second).is_ok());
        assert_eq!(forest.tree(u32::MAX).err(), Some(Fault::BadTree));
    }

    #[test]
    fn a_place_is_retired_before_its_handles_repeat() {
        let mut forest = Forest::default();
        let mut handles = std::collections::HashSet::new();
        for _ in 0..2 * MAX_GENERATION {
            let handle = forest.create(SHAPE).expect("room");
            assert!(handles.insert(handle));
            forest.free(handle).expect("valid");
        }
    }
}
