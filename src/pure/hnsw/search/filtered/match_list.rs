//! Rows that may match a filter, kept from search to search, with the places of their vectors.

use super::byte_vector::ByteQuery;
use super::kept_vectors::{KeptVectors, Place};
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::push;

/// The TIDs of all rows that may match, and where their vectors are kept.
#[derive(Debug, Default)]
pub struct MatchList {
    rows: Vec<(Tid, Option<Place>)>,
    /// The generation of the places.
    generation: u64,
}

impl MatchList {
    /// Adds a row.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn push(&mut self, tid: Tid) -> Result<()> {
        push(&mut self.rows, (tid, None))
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of the list.
    pub fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<(Tid, Option<Place>)>()
    }

    /// All rows.
    pub fn tids(&self) -> impl Iterator<Item = Tid> {
        self.rows.iter().map(|(tid, _)| *tid)
    }

    /// The number of rows whose vectors are kept.
    pub fn kept(&self, vectors: &KeptVectors) -> usize {
        self.rows.iter().filter(|(tid, _)| vectors.has(*tid)).count()
    }

    /// The row at a place of the list, and a lower bound of its distance from the query if its vector is kept.
    #[inline]
    pub fn row(&mut self, at: usize, vectors: &mut KeptVectors, query: &ByteQuery) -> (Tid, Option<f64>) {
        if self.generation != vectors.generation() {
            self.rows.iter_mut().for_each(|(_, place)| *place = None);
            self.generation = vectors.generation();
        }
        let (tid, place) = &mut self.rows[at];
        *place = place.or_else(|| vectors.place(*tid));
        (*tid, place.and_then(|place| vectors.floor_at(query, place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::metric::Metric;
    use crate::noise::Noise;

    /// Through evictions and new vectors, a row's bound is that of its own vector or none.
    #[test]
    fn places_follow_their_rows() {
        const DIM: usize = 24;
        let mut noise = Noise(7);
        let tid = |i: usize| Tid { block: i as u32 / 5, offset: (i % 5) as u16 + 1 };
        let vectors: Vec<Vec<f32>> =
            (0..20_000).map(|_| (0..DIM).map(|_| noise.normal()).collect()).collect();
        let query = ByteQuery::new(Metric::L2, &vectors[0]).unwrap().unwrap();
        let mut kept = KeptVectors::new(Metric::L2, DIM);
        let mut lists = [MatchList::default(), MatchList::default()];
        for i in (0..20_000).step_by(3) {
            lists[i % 2].push(tid(i)).unwrap();
        }
        let max = 500_000;
        let (mut with, mut without) = (0, 0);
        for round in 0..40 {
            kept.begin(if round % 16 == 15 { 0 } else { max });
            let many = &mut lists[round % 2];
            for at in 0..many.len() {
                let (tid, floor) = many.row(at, &mut kept, &query);
                let i = tid.block as usize * 5 + usize::from(tid.offset) - 1;
                assert_eq!(floor, kept.floor(&query, tid));
                match floor {
                    Some(floor) => {
                        let shown = crate::distance::l2_squared(&vectors[0], &vectors[i]).sqrt();
                        assert!(floor <= f64::from(shown) && floor > f64::from(shown) * 0.9 - 0.1, "{i}");
                        with += 1;
                    }
                    None => {
                        kept.keep(tid, &vectors[i], max).unwrap();
                        without += 1;
                    }
                }
            }
        }
        assert!(with > 10_000 && without > 10_000, "{with} {without}");
    }
}
