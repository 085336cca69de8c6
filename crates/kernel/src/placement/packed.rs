//! A placement as bytes, for the way across the language border only: never stored, never sent.
//! `[members u32][gone u32][copies u32]([id 16][weight f64][due f64][zone length u8][zone]) …([id 16]) …[table u16 …]`, little endian.

use super::Placement;

impl Placement {
    /// Packs the placement.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [self.members.len(), self.gone.len(), self.copies] {
            out.extend_from_slice(&(number as u32).to_le_bytes());
        }
        for member in &self.members {
            out.extend_from_slice(&member.id);
            out.extend_from_slice(&member.weight.to_le_bytes());
            out.extend_from_slice(&member.due.to_le_bytes());
            out.push(member.zone.len() as u8);
            out.extend_from_slice(&member.zone);
        }
        self.gone.iter().for_each(|id| out.extend_from_slice(id));
        self.table.iter().for_each(|index| out.extend_from_slice(&index.to_le_bytes()));
        out
    }
}
