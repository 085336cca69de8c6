//! Where another may take a slot, as far as zones go: within the bounds of each, and with room left for what zones still lack.

use super::due::{Quotas, ZoneBounds};
use super::grid::{Claim, HOLE};

/// The zones of a step.
pub(super) struct Zones<'q> {
    bounds: &'q [ZoneBounds],
    zone_of: &'q [usize],
    /// Those that every partition must have copies in.
    needed: Vec<usize>,
    /// Nodes of each.
    members: Vec<Vec<u16>>,
}

/// How the copies of one partition are spread: for whoever asks more than once.
#[derive(Default)]
pub(super) struct Spread {
    held: Vec<usize>,
    has_free_hole: bool,
}

impl<'q> Zones<'q> {
    pub fn new(quotas: &'q Quotas) -> Self {
        let Quotas { zones: bounds, zone_of, .. } = quotas;
        let mut members = vec![Vec::new(); bounds.len()];
        (1..zone_of.len()).for_each(|node| members[zone_of[node]].push(node as u16));
        let needed = (0..bounds.len()).filter(|&zone| bounds[zone].lo > 0).collect();
        Zones { bounds, zone_of, needed, members }
    }

    pub fn len(&self) -> usize {
        self.bounds.len()
    }

    pub fn of(&self, node: u16) -> usize {
        self.zone_of[node as usize]
    }

    pub fn members(&self, zone: usize) -> &[u16] {
        &self.members[zone]
    }

    fn count(&self, owners: &[u16], zone: usize) -> usize {
        owners.iter().filter(|&&owner| owner != HOLE && self.of(owner) == zone).count()
    }

    /// Copies that zones still lack, all together.
    fn lacking(&self, held: impl Fn(usize) -> usize) -> usize {
        self.needed.iter().map(|&zone| self.bounds[zone].lo.saturating_sub(held(zone))).sum()
    }

    /// Whether there are more holes than copies that zones still lack.
    fn has_free_hole(&self, owners: &[u16], held: impl Fn(usize) -> usize) -> bool {
        self.lacking(held) < owners.iter().filter(|&&owner| owner == HOLE).count()
    }

    /// Looks at the owners of a partition.
    pub fn look_at(&self, owners: &[u16], spread: &mut Spread) {
        spread.held.clear();
        spread.held.resize(self.len(), 0);
        owners.iter().filter(|&&owner| owner != HOLE).for_each(|&owner| spread.held[self.of(owner)] += 1);
        spread.has_free_hole = self.has_free_hole(owners, |zone| spread.held[zone]);
    }

    /// Whether somebody of that zone may stand in the slot of that owner.
    pub fn may_take(&self, spread: &Spread, owner: u16, zone: usize) -> bool {
        self.admits(owner, zone, |zone| spread.held[zone], || spread.has_free_hole)
    }

    /// The same for whoever asks once.
    pub fn may_take_among(&self, owners: &[u16], owner: u16, zone: usize) -> bool {
        let held = |zone| self.count(owners, zone);
        self.admits(owner, zone, held, || self.has_free_hole(owners, held))
    }

    fn admits(
        &self,
        owner: u16,
        zone: usize,
        held: impl Fn(usize) -> usize,
        has_free_hole: impl Fn() -> bool,
    ) -> bool {
        let ZoneBounds { lo, hi } = self.bounds[zone];
        if owner == HOLE {
            let held = held(zone);
            return held < lo || (held < hi && has_free_hole());
        }
        let from = self.of(owner);
        from == zone || (held(zone) < hi && held(from) > self.bounds[from].lo)
    }

    /// Where claims on a partition must be given up: in which zones, or nowhere.
    pub fn crowded(&self, claims: &[Claim], copies: usize) -> Option<impl Fn(usize) -> bool + use<'q>> {
        let bounds = self.bounds;
        let mut held = vec![0; bounds.len()];
        claims.iter().for_each(|claim| held[self.of(claim.node)] += 1);
        let is_crowded = held.iter().zip(bounds).any(|(held, bounds)| *held > bounds.hi);
        let is_too_many = claims.len() + self.lacking(|zone| held[zone]) > copies;
        let allowed = move |zone: usize| match is_crowded {
            true => held[zone] > bounds[zone].hi,
            false => held[zone] > bounds[zone].lo,
        };
        (is_crowded || is_too_many).then_some(allowed)
    }
}
