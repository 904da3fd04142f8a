//! Vectors of rows in bytes, kept from search to search.

use super::byte_vector::{ByteQuery, Rounding, bytes, round};
use crate::distance::metric::Metric;
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::{Reserve, filled, push, with_room};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a part's vectors, roughly.
const PART: usize = 1 << 16;
/// A part gives way to a search that has used less than one of so many of its vectors.
const USED: usize = 4;
/// Bytes of a place in the table of TIDs, of which at least seven of sixteen are taken once it has grown.
const PLACE: usize = ((size_of::<(u64, u32)>() + 1) * 16).div_ceil(7);

/// Vectors by the TIDs of their rows, in parts: what a search has added together lies together, and goes together when room is
/// wanted for others, that first which was used by no search for longest, then that of which this search has used the least.
#[derive(Debug)]
pub struct KeptVectors {
    metric: Metric,
    dim: usize,
    /// Where the vector of a TID is: the part, times `rows`, and the place in the part.
    places: HashMap<u64, u32, BuildHasherDefault<TidHasher>>,
    parts: Vec<Part>,
    /// Vectors of a part.
    rows: usize,
    /// The part that vectors are added to, if there is one with room.
    open: Option<usize>,
    /// The number of the search.
    now: u64,
    /// The search has found no room: all parts are used by it.
    is_full: bool,
    /// Another one in the process whenever places are given to other rows.
    generation: u64,
}

/// Where a vector is kept, as long as the generation stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u32);

/// A number that no caller has got before.
fn generation() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[derive(Debug)]
struct Part {
    vectors: Vec<i8>,
    rows: Vec<(u64, Rounding)>,
    /// The search that has used the part last.
    used: u64,
    /// How often that search has used a vector of the part.
    uses: usize,
}

impl Part {
    /// Notes that a search uses a vector of the part.
    #[inline]
    fn touch(&mut self, search: u64) {
        if self.used != search {
            (self.used, self.uses) = (search, 0);
        }
        self.uses += 1;
    }
}

/// TIDs are numbers whose low bits say most.
#[derive(Debug, Default)]
struct TidHasher(u64);

impl Hasher for TidHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, x: u64) {
        let product = (self.0 ^ x).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }
}

fn key(tid: Tid) -> u64 {
    u64::from(tid.block) << 16 | u64::from(tid.offset)
}

impl KeptVectors {
    /// For vectors of `dim` dimensions under a metric.
    pub fn new(metric: Metric, dim: usize) -> Self {
        let rows = (PART / bytes(dim).max(1)).clamp(16, 1024);
        Self {
            metric,
            dim,
            places: HashMap::default(),
            parts: vec![],
            rows,
            open: None,
            now: 0,
            is_full: false,
            generation: generation(),
        }
    }

    /// The metric and the dimensions.
    pub fn shape(&self) -> (Metric, usize) {
        (self.metric, self.dim)
    }

    /// Begins a search, for which there are `max` bytes: where more is kept, all of it is forgotten.
    pub fn begin(&mut self, max: usize) {
        self.now += 1;
        self.is_full = false;
        if self.bytes() > max {
            self.clear();
        }
    }

    /// A lower bound of the distance of a row from the query, if its vector is kept.
    #[inline]
    pub fn floor(&mut self, query: &ByteQuery, tid: Tid) -> Option<f64> {
        let place = self.place(tid)?;
        self.floor_at(query, place)
    }

    /// Where the vector of a row is kept.
    #[inline]
    pub fn place(&self, tid: Tid) -> Option<Place> {
        self.places.get(&key(tid)).copied().map(Place)
    }

    /// The number that stays the same as long as places stay those of their rows.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The lower bound for the row whose vector is at a place of this generation.
    #[inline]
    pub fn floor_at(&mut self, query: &ByteQuery, Place(place): Place) -> Option<f64> {
        let place = place as usize;
        let part = self.parts.get_mut(place / self.rows)?;
        part.touch(self.now);
        let (at, size) = (place % self.rows, bytes(self.dim));
        let vector = part.vectors.get(at * size..(at + 1) * size)?;
        Some(query.floor(vector, part.rows.get(at)?.1))
    }

    /// Whether the vector of a row is kept.
    pub fn has(&self, tid: Tid) -> bool {
        self.places.contains_key(&key(tid))
    }

    /// Keeps the vector of a row, if there is room within `max` bytes, or in the place of vectors of which this search has used few, and
    /// if distances from it have bounds.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn keep(&mut self, tid: Tid, vector: &[f32], max: usize) -> Result<()> {
        if vector.len() != self.dim || self.has(tid) {
            return Ok(());
        }
        let Some(at) = self.room(max)? else { return Ok(()) };
        self.places.room_for(1)?;
        let (part, size) = (&mut self.parts[at], bytes(self.dim));
        let place = part.rows.len();
        let out = &mut part.vectors[place * size..(place + 1) * size];
        out.fill(0);
        if let Some(rounding) = round(self.metric, vector, out) {
            part.rows.push((key(tid), rounding));
            part.touch(self.now);
            self.places.insert(key(tid), (at * self.rows + place) as u32);
        }
        Ok(())
    }

    /// A part with room for a vector.
    fn room(&mut self, max: usize) -> Result<Option<usize>> {
        if let Some(open) = self.open
            && self.parts[open].rows.len() < self.rows
        {
            return Ok(Some(open));
        }
        if self.is_full {
            return Ok(None);
        }
        let more = self.part_bytes();
        let has_places = (self.parts.len() + 1) * self.rows <= u32::MAX as usize;
        self.open = if self.bytes() + more <= max && has_places {
            let (vectors, rows) = (filled(0, self.rows * bytes(self.dim))?, with_room(self.rows)?);
            push(&mut self.parts, Part { vectors, rows, used: self.now, uses: 0 })?;
            Some(self.parts.len() - 1)
        } else {
            // Parts of other filters' rows, of which a few match this one, too, would leave no room for the rest of its rows.
            let uses = |part: &Part| if part.used < self.now { 0 } else { part.uses };
            let least = (0..self.parts.len()).min_by_key(|at| {
                let part = &self.parts[*at];
                (uses(part), part.used)
            });
            least.filter(|at| uses(&self.parts[*at]) * USED < self.rows)
        };
        if let Some(at) = self.open {
            if !self.parts[at].rows.is_empty() {
                self.generation = generation();
            }
            let Self { parts, places, .. } = self;
            for (key, _) in parts[at].rows.drain(..) {
                places.remove(&key);
            }
            (parts[at].used, parts[at].uses) = (self.now, 0);
        }
        self.is_full = self.open.is_none();
        Ok(self.open)
    }

    fn part_bytes(&self) -> usize {
        Self::bytes_of(self.dim, self.rows)
    }

    /// Bytes that so many vectors of `dim` dimensions take, and what leads to them.
    pub fn bytes_of(dim: usize, vectors: usize) -> usize {
        vectors.saturating_mul(bytes(dim) + size_of::<(u64, Rounding)>() + PLACE)
    }

    /// Forgets all vectors.
    pub fn clear(&mut self) {
        (self.places, self.parts, self.open) = (HashMap::default(), vec![], None);
        self.generation = generation();
    }

    /// Bytes of all vectors, and of what leads to them.
    pub fn bytes(&self) -> usize {
        self.parts.len() * self.part_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    const DIM: usize = 20;

    fn tid(i: usize) -> Tid {
        Tid { block: i as u32 / 7, offset: (i % 7) as u16 + 1 }
    }

    fn vectors(n: usize) -> Vec<Vec<f32>> {
        let mut noise = Noise(5);
        (0..n).map(|_| (0..DIM).map(|_| noise.normal()).collect()).collect()
    }

    fn query() -> ByteQuery {
        ByteQuery::new(Metric::L2, &[0.5; DIM]).unwrap().unwrap()
    }

    /// The bound of each vector alone.
    fn floor(vector: &[f32]) -> f64 {
        let mut out = vec![0; bytes(DIM)];
        let rounding = round(Metric::L2, vector, &mut out).unwrap();
        query().floor(&out, rounding)
    }

    #[test]
    fn gives_what_was_kept() {
        let n = 5000;
        let (all, query) = (vectors(n), query());
        let mut kept = KeptVectors::new(Metric::L2, DIM);
        kept.begin(usize::MAX);
        for i in (0..n).step_by(2) {
            kept.keep(tid(i), &all[i], usize::MAX).unwrap();
            // The first stays: a TID has one row.
            kept.keep(tid(i), &all[i + 1], usize::MAX).unwrap();
        }
        for (i, vector) in all.iter().enumerate() {
            assert_eq!(kept.floor(&query, tid(i)), (i % 2 == 0).then(|| floor(vector)));
        }
        kept.keep(tid(1), &[0.0; DIM], usize::MAX).unwrap();
        kept.keep(tid(1), &[1.0; DIM + 1], usize::MAX).unwrap();
        assert!(!kept.has(tid(1)), "there is no bound, or no such vector");
        kept.keep(tid(1), &all[1], usize::MAX).unwrap();
        assert_eq!(kept.floor(&query, tid(1)), Some(floor(&all[1])));
        kept.clear();
        assert!((0..n).all(|i| kept.floor(&query, tid(i)).is_none()) && kept.bytes() == 0);
    }

    #[test]
    fn stays_within_its_bytes() {
        let n = 20_000;
        let (all, query) = (vectors(n), query());
        let mut kept = KeptVectors::new(Metric::L2, DIM);
        let max = 4 * kept.part_bytes();
        let half = 2 * kept.rows;
        let is_right = |kept: &mut KeptVectors, i: usize| match kept.floor(&query, tid(i)) {
            Some(of) => of == floor(&all[i]),
            None => false,
        };
        // More than there is room for: the first stay, as this search uses them.
        kept.begin(max);
        for (i, vector) in all.iter().enumerate() {
            kept.keep(tid(i), vector, max).unwrap();
            assert!(kept.bytes() <= max);
        }
        assert!((0..2 * half).all(|i| is_right(&mut kept, i)) && !kept.has(tid(2 * half)));
        // Another one takes the place of those that it has not used.
        kept.begin(max);
        assert!((0..half).all(|i| is_right(&mut kept, i)));
        for (i, vector) in all.iter().enumerate().skip(n / 2) {
            kept.keep(tid(i), vector, max).unwrap();
        }
        assert!((0..half).chain(n / 2..n / 2 + half).all(|i| is_right(&mut kept, i)));
        assert!((0..n).filter(|i| kept.has(tid(*i))).count() == 2 * half && kept.places.len() == 2 * half);
        // One that uses a few of each part takes their place, too: what it has used of them has had its bounds.
        kept.begin(max);
        let here: Vec<usize> = (0..n).filter(|i| kept.has(tid(*i))).collect();
        for i in here.iter().step_by(USED + 1) {
            assert!(is_right(&mut kept, *i));
        }
        for (i, vector) in all.iter().enumerate().take(3 * half).skip(half) {
            kept.keep(tid(i), vector, max).unwrap();
        }
        assert!((half..3 * half).all(|i| is_right(&mut kept, i)) && kept.places.len() == 2 * half);
        // No room at all.
        kept.begin(max - 1);
        assert_eq!((kept.bytes(), kept.places.len()), (0, 0));
        kept.keep(tid(0), &all[0], 0).unwrap();
        assert_eq!((kept.bytes(), kept.has(tid(0))), (0, false));
    }
}
