//! Node records that were read lately.
//!
//! The nodes that a vacuum repairs lie in few neighbourhoods, and each repair makes a search of its own: the same records
//! would be asked for again and again.
//!
//! A record may have changed since it was kept here. To a vacuum that does not matter: only a vacuum gives a record to another
//! node, so the node is still there, and a writer compares the record under its lock. An old edge is as good a hint as a new
//! one. The vacuum has to [renew](Cache::renew) or [forget](Cache::forget) the records that it writes itself.

use crate::fault::Result;
use crate::hnsw::node::{Buffer, Layout, NONE};
use crate::hnsw::search::Pages;
use crate::memory::allocation;
use crate::memory::allocation::Reserve;

/// Places where a node record can be kept.
const WAYS: usize = 8;

/// Node records of pages, some of them kept in memory.
#[derive(Debug)]
pub struct Cache<P> {
    pages: P,
    record: usize,
    memory: Buffer,
    /// For each place, the number of the node record there, and when it was last asked for.
    places: Vec<(u32, u32)>,
    now: u32,
}

impl<P: Pages> Cache<P> {
    /// A cache of pages, with as much memory as there is, at most so many bytes.
    ///
    /// # Errors
    /// `53200` if there is no memory at all.
    pub fn new(pages: P, layout: &Layout, bytes: usize) -> Result<Self> {
        let record = layout.node_bytes().next_multiple_of(8);
        let all = pages.records() as usize;
        let mut sets = (bytes / (record + size_of::<(u32, u32)>())).min(2 * all) / WAYS;
        loop {
            let mut places = Vec::new();
            match places.room_for(sets * WAYS).and_then(|()| Buffer::new(sets * WAYS * record)) {
                Ok(memory) => {
                    places.resize(sets * WAYS, (NONE, 0));
                    return Ok(Self { pages, record, memory, places, now: 0 });
                }
                Err(refused) if sets == 0 => return Err(refused),
                Err(_) => sets /= 2,
            }
        }
    }

    /// The pages themselves, for callers that must see the present bytes.
    pub fn pages(&mut self) -> &mut P {
        &mut self.pages
    }

    /// Forgets a node record, which was written.
    pub fn forget(&mut self, number: u32) {
        let set = self.set(number);
        self.places[set].iter_mut().filter(|place| place.0 == number).for_each(|place| *place = (NONE, 0));
    }

    /// Replaces a kept record by the bytes it will have once it is written.
    pub fn renew(&mut self, number: u32, bytes: &[u8]) {
        let (set, record) = (self.set(number), self.record);
        if let Some(at) = set.clone().find(|at| self.places[*at].0 == number) {
            let kept = &mut self.memory.bytes_mut()[at * record..(at + 1) * record];
            let len = kept.len().min(bytes.len());
            kept[..len].copy_from_slice(&bytes[..len]);
        }
    }

    /// Forgets all node records.
    pub fn clear(&mut self) {
        self.places.fill((NONE, 0));
    }

    /// The places where a node record can be.
    fn set(&self, number: u32) -> std::ops::Range<usize> {
        let sets = self.places.len() / WAYS;
        if sets == 0 {
            return 0..0;
        }
        // Records of a page come one after the other; in sets by number, they would fill the same sets.
        let set = (number.wrapping_mul(0x9e37_79b1) >> 4) as usize % sets;
        set * WAYS..(set + 1) * WAYS
    }
}

impl<P: Pages> Pages for Cache<P> {
    fn records(&self) -> u32 {
        self.pages.records()
    }

    fn has(&self, number: u32) -> bool {
        self.pages.has(number)
    }

    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        self.now = self.now.wrapping_add(1);
        let (set, record) = (self.set(number), self.record);
        let bytes = |at: usize| at * record..(at + 1) * record;
        if let Some(at) = set.clone().find(|at| self.places[*at].0 == number) {
            allocation::check()?;
            self.places[at].1 = self.now;
            return Ok(look(&self.memory.bytes()[bytes(at)]));
        }
        let Self { pages, memory, places, now, .. } = self;
        let oldest = set.min_by_key(|at| match places[*at] {
            (NONE, _) => 0,
            (_, last) => u32::MAX - now.wrapping_sub(last),
        });
        let Some(at) = oldest else { return pages.read(number, look) };
        places[at] = (NONE, 0);
        let found = pages.read(number, |read| {
            let kept = &mut memory.bytes_mut()[bytes(at)];
            let len = kept.len().min(read.len());
            kept[..len].copy_from_slice(&read[..len]);
            look(read)
        })?;
        places[at] = (number, *now);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::metric::Metric;
    use crate::hnsw::node::{Options, ROOM};
    use crate::hnsw::search::MemoryPages;

    fn pages(dim: usize, count: usize) -> (Layout, MemoryPages) {
        let layout = Layout::choose(dim, Metric::L2, Options::default()).unwrap();
        let mut buffer = Buffer::new(count * ROOM).unwrap();
        for (at, byte) in buffer.bytes_mut().iter_mut().enumerate() {
            *byte = (at / 7) as u8;
        }
        (layout, MemoryPages::new(layout, buffer, layout.bound(count as u32)))
    }

    /// The cache shows the pages' bytes, reads each record once while there is room, and again after it was forgotten.
    #[test]
    fn shows_what_is_there() {
        for dim in [8, 384, 4000] {
            let (layout, mut memory) = pages(dim, 12);
            let numbers: Vec<u32> = (0..layout.bound(12)).step_by(layout.step() as usize).collect();
            let real: Vec<Vec<u8>> = numbers
                .iter()
                .map(|number| memory.read(*number, |bytes| bytes[..layout.node_bytes()].to_vec()).unwrap())
                .collect();
            for bytes in [0, 20_000, 1 << 20] {
                memory.reads = 0;
                let mut cache = Cache::new(memory, &layout, bytes).unwrap();
                for _ in 0..3 {
                    for (number, real) in numbers.iter().zip(&real) {
                        let same = cache.read(*number, |bytes| bytes[..real.len()] == real[..]).unwrap();
                        assert!(same, "{number}");
                    }
                }
                let once = (numbers.len() * layout.unit_pages()) as u64;
                assert!(cache.pages().reads <= 3 * once);
                assert!(bytes < 1 << 20 || cache.pages().reads <= once * 3 / 2, "{}", cache.pages().reads);
                assert!(bytes > 0 || cache.pages().reads == 3 * once);
                cache.read(0, |_| ()).unwrap();
                cache.renew(0, &vec![7; layout.node_bytes()]);
                let kept = cache.read(0, |bytes| bytes[5] == 7).unwrap();
                assert!(kept || bytes < 1 << 20);
                cache.forget(0);
                assert!(cache.read(0, |shown| shown[..real[0].len()] == real[0][..]).unwrap());
                cache.clear();
                assert!(cache.read(0, |shown| shown[..real[0].len()] == real[0][..]).unwrap());
                memory = cache.pages;
            }
        }
    }
}
