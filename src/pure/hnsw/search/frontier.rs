//! Candidates of level 0, and how far they are worth reading.

use super::estimate_error::EstimateError;
use super::pool::Candidate;
use crate::fault::Result;
use crate::memory::allocation::Reserve;
use std::collections::BinaryHeap;

/// Part of the usual error of estimates that candidates get which only lead on. Where 10 % of 89,469 x 384 embeddings match,
/// 0.991 of the ten nearest are found with none of it, 0.992 with this, 0.995 with all.
const LEADING: f32 = 0.3;

/// Candidates, the nearest first, and the distances of the nearest nodes that were read.
///
/// The limit is the distance of the `max`-th nearest node plus the usual error of estimates of candidates there. It moves
/// with the nodes, so a search where estimates tell little reads more candidates.
#[derive(Debug, Default)]
pub(crate) struct Frontier {
    open: BinaryHeap<Open>,
    /// Candidates that were beyond the limit when they came.
    beyond: Vec<Candidate>,
    /// At most `max` distances, ascending.
    nearest: Vec<f32>,
    max: usize,
    /// How many of these make the limit: `max`, or fewer where a filter says so.
    places: usize,
    /// How far estimates are usually off.
    error: EstimateError,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Open(Candidate);

impl Eq for Open {}

impl Ord for Open {
    /// The nearest is the greatest.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.distance.total_cmp(&self.0.distance).then(other.0.number.cmp(&self.0.number))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Frontier {
    /// Forgets everything.
    pub(crate) fn start(&mut self, max: usize) {
        self.open.clear();
        self.beyond.clear();
        self.nearest.clear();
        self.max = max.max(1);
        self.places = self.max;
    }

    /// Starts a batch of a filtered search: nothing counts any more, and matches do from now on, of which `max` make the
    /// limit at most. Candidates that `keep` refuses are dropped.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn filter(&mut self, max: usize, keep: impl FnMut(u32) -> bool) -> Result<()> {
        self.next(keep)?;
        self.max = max.max(1);
        self.places = self.max;
        Ok(())
    }

    /// From now on, so many matches make the limit.
    pub(crate) fn set_places(&mut self, places: usize) {
        self.places = places.clamp(1, self.max);
    }

    /// Starts the next batch: forgets the distances of the nodes that were read, and takes back the candidates beyond the
    /// limit. Candidates that `keep` refuses are dropped.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn next(&mut self, mut keep: impl FnMut(u32) -> bool) -> Result<()> {
        self.nearest.clear();
        self.open.retain(|open| keep(open.0.number));
        self.beyond.retain(|candidate| keep(candidate.number));
        self.open_all()
    }

    /// Takes back the candidates beyond the limit.
    fn open_all(&mut self) -> Result<()> {
        self.open.room_for(self.beyond.len())?;
        self.open.extend(self.beyond.drain(..).map(Open));
        Ok(())
    }

    /// Makes room for `more` candidates.
    ///
    /// # Errors
    /// `53200` if there is none.
    #[inline]
    pub(crate) fn room_for(&mut self, more: usize) -> Result<()> {
        self.open.room_for(more)?;
        self.beyond.room_for(more)
    }

    #[inline]
    fn limit(&self) -> f32 {
        self.reach() + self.error.mean()
    }

    /// What the limit may become again.
    #[inline]
    fn max_limit(&self) -> f32 {
        self.place(self.max) + self.error.mean()
    }

    #[inline]
    fn place(&self, place: usize) -> f32 {
        self.nearest.get(place - 1).copied().unwrap_or(f32::INFINITY)
    }

    /// The distance of the `max`-th nearest node: nodes that are not farther have likely been read.
    #[inline]
    pub(crate) fn reach(&self) -> f32 {
        self.place(self.places)
    }

    /// Notes a node that was read: its distance, and how far its neighbours' estimates are usually off.
    #[inline]
    pub(crate) fn found(&mut self, distance: f32, error: f32) -> Result<()> {
        self.passed(error, self.nearest.is_empty());
        self.matched(distance)
    }

    /// Notes how far the estimates of a node's neighbours are usually off; the first node forgets those before.
    #[inline]
    pub(crate) fn passed(&mut self, error: f32, is_first: bool) {
        self.error.count(error, is_first);
    }

    /// Notes the distance of a node that counts.
    #[inline]
    pub(crate) fn matched(&mut self, distance: f32) -> Result<()> {
        if self.nearest.len() >= self.max {
            if self.nearest.last().is_some_and(|last| distance >= *last) {
                return Ok(());
            }
            self.nearest.pop();
        }
        let place = self.nearest.partition_point(|d| *d <= distance);
        self.nearest.room_for(1)?;
        self.nearest.insert(place, distance);
        Ok(())
    }

    /// Adds a candidate, for which there is [room](Self::room_for). Its distance is not NaN.
    #[inline]
    pub(crate) fn offer(&mut self, new: Candidate) {
        if new.distance < self.max_limit() {
            self.open.push(Open(new));
        } else {
            self.beyond.push(new);
        }
    }

    /// Takes out the nearest candidate, if it is within the limit.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<u32> {
        if self.open.peek()?.0.distance < self.limit() {
            self.open.pop().map(|open| open.0.number)
        } else {
            None
        }
    }

    /// Takes out the nearest candidate.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn take_any(&mut self) -> Result<Option<u32>> {
        self.open_all()?;
        Ok(self.open.pop().map(|open| open.0.number))
    }

    /// The distance of the nearest candidate, if it is within the limit.
    #[inline]
    pub(crate) fn distance(&self) -> Option<f32> {
        self.open.peek().map(|open| open.0.distance).filter(|distance| *distance < self.limit())
    }

    /// Puts off the nearest candidates to the next batch, as long as they only `lead` on and are beyond the limit but for the usual
    /// error of estimates, or most of it.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn put_off(&mut self, mut leads: impl FnMut(u32) -> bool) -> Result<()> {
        let (reach, limit) = (self.reach() + LEADING * self.error.mean(), self.limit());
        while let Some(Open(next)) = self.open.peek()
            && (reach..limit).contains(&next.distance)
            && leads(next.number)
        {
            self.beyond.room_for(1)?;
            self.beyond.extend(self.open.pop().map(|open| open.0));
        }
        Ok(())
    }

    /// Number of candidates, one and the same counted as often as it was offered.
    pub(crate) fn len(&self) -> usize {
        self.open.len() + self.beyond.len()
    }

    /// Keeps each candidate once, by its smallest distance, and none that `keep` refuses.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn compact(&mut self, mut keep: impl FnMut(u32) -> bool) -> Result<()> {
        let mut all = vec![];
        self.drain_to(&mut all)?;
        all.retain(|candidate| keep(candidate.number));
        all.sort_unstable_by(|a, b| a.number.cmp(&b.number).then(a.distance.total_cmp(&b.distance)));
        all.dedup_by_key(|candidate| candidate.number);
        all.shrink_to_fit();
        self.beyond = Vec::new();
        self.open = all.into_iter().map(Open).collect::<Vec<_>>().into();
        Ok(())
    }

    /// Takes out all candidates, in no order.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn drain_to(&mut self, to: &mut Vec<Candidate>) -> Result<()> {
        to.room_for(self.open.len() + self.beyond.len())?;
        to.extend(self.open.drain().map(|open| open.0));
        to.append(&mut self.beyond);
        Ok(())
    }

    /// How far estimates are usually off.
    pub(crate) fn estimate_error(&self) -> f32 {
        self.error.mean()
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.open.capacity() + self.beyond.capacity()) * size_of::<Candidate>()
    }
}
