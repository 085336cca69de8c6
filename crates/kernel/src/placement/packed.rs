//! Placements and plans as bytes, for the way across the language border only: never stored, never sent. Little endian.

use super::changes::{Id, Mark};
use super::{Placement, Plan};

/// The id that stands for nobody.
const NOBODY: Id = [0; 16];

impl Placement {
    /// `[partitions u32][copies asked u32][copies u32][members u32][gone u32][heads u32][voided u32]([id 16][weight f64][due f64]`
    /// `[zone length u8][zone]) …([id 16]) …([stamp f64][author 16]) …([stamp f64][author 16]) …[table u16 …]`.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let counts = [self.members.len(), self.gone.len(), self.heads.len(), self.voided.len()];
        let numbers = [self.partitions, self.copies_asked, self.copies].into_iter().chain(counts);
        numbers.for_each(|number| push_u32(&mut out, number));
        for member in &self.members {
            out.extend_from_slice(&member.id);
            out.extend_from_slice(&member.weight.to_le_bytes());
            out.extend_from_slice(&member.due.to_le_bytes());
            out.push(member.zone.len() as u8);
            out.extend_from_slice(&member.zone);
        }
        self.gone.iter().for_each(|id| out.extend_from_slice(id));
        self.heads.iter().chain(&self.voided).for_each(|mark| push_mark(&mut out, mark));
        self.table.iter().for_each(|index| out.extend_from_slice(&index.to_le_bytes()));
        out
    }
}

impl Plan {
    /// `[partitions u32][moves u32]([from 16][to 16][count u32][partition u16 …]) …`; an id of zeroes is nobody.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_u32(&mut out, self.partitions);
        push_u32(&mut out, self.moves.len());
        for one in &self.moves {
            out.extend_from_slice(&one.from.unwrap_or(NOBODY));
            out.extend_from_slice(&one.to.unwrap_or(NOBODY));
            push_u32(&mut out, one.partitions.len());
            one.partitions.iter().for_each(|partition| out.extend_from_slice(&partition.to_le_bytes()));
        }
        out
    }
}

fn push_u32(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&(number as u32).to_le_bytes());
}

/// A stamp is at most 2^53 - 1: a whole number as a float too.
fn push_mark(out: &mut Vec<u8>, (stamp, author): &Mark) {
    out.extend_from_slice(&(*stamp as f64).to_le_bytes());
    out.extend_from_slice(author);
}
