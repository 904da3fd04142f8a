//! Makes segments of pending rows, and one segment of several.
//!
//! Segments are in tiers by their size (as in a log-structured merge tree; O'Neil and others, 1996): four of one tier
//! become one of a higher tier, with all smaller ones. So a posting is rewritten about as often as the number of rows
//! can be divided by four, and a search meets few segments.
//!
//! Nothing leads to the pages of a new segment before a change of the root puts it there and takes away what it was
//! made of, all at once. Then the former pages are freed. Whoever merges holds the root's merge lock.

use super::docs::{self, Living};
use super::map;
use super::page::{Owner, corrupted};
use super::pending::{Step, walk};
use super::root::{self, List, MAX_SEGMENTS, Root, Segment};
use super::segment_reader::TermReader;
use super::segment_writer::SegmentWriter;
use super::storage::{PagesMut, free};
use super::trouble::{Reading, Trouble};
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::{filled, push, with_room};

/// Segments of a tier that become one.
const FANOUT: usize = 4;
/// Pages up to which segments are of the lowest tier.
const SMALLEST: u32 = 64;
/// Minimum memory for postings, in bytes.
const MIN_MEMORY: usize = 1 << 20;

/// What a call may do.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Pages of pending rows beyond which these become a segment; 0: always.
    pub pending_pages: u32,
    /// Maximum pages of segments that become one, unless there are too many segments.
    pub max_pages: u32,
    /// Memory for postings, in bytes.
    pub memory: usize,
}

/// A row that becomes one of a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    /// Its key.
    pub key: u32,
    /// Its place in the table.
    pub tid: Tid,
}

/// A row's element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posting {
    /// The dimension, from 0 on.
    pub dim: u32,
    /// The row's number.
    pub row: u32,
    /// The value.
    pub weight: f32,
}

/// Makes segments of pending rows and of segments, as far as there is reason to. The caller holds the root's merge
/// lock.
///
/// # Errors
/// An index whose bytes cannot have been written; those of the pages.
pub fn maintain(pages: &mut impl PagesMut, page: u32, effort: &Effort) -> Result<()> {
    flush(pages, page, effort)?;
    loop {
        let root = root::read(pages, page)?;
        let chosen = choose(&root.segments, effort.max_pages)?;
        if chosen.is_empty() {
            return Ok(());
        }
        merge(pages, page, &chosen)?;
    }
}

/// Makes segments of the pending rows.
///
/// # Errors
/// As [`maintain`].
pub(super) fn flush(pages: &mut impl PagesMut, page: u32, effort: &Effort) -> Result<()> {
    // What a former call has left comes first.
    thaw(pages, page, effort.memory)?;
    let pending = root::read(pages, page)?.pending;
    if pending.head == 0 || pending.pages <= effort.pending_pages {
        return Ok(());
    }
    root::change(pages, page, |root| {
        root.frozen = root.pending;
        root.pending = List { number: root::take(root)?, ..List::default() };
        Ok(())
    })?;
    thaw(pages, page, effort.memory)
}

/// Makes segments of the frozen list, a part at a time.
fn thaw(pages: &mut impl PagesMut, page: u32, memory: usize) -> Result<()> {
    loop {
        let mut root = root::read(pages, page)?;
        if root.frozen.number == 0 {
            return Ok(());
        }
        while root.segments.len() >= MAX_SEGMENTS - 1 {
            let chosen = choose(&root.segments, u32::MAX)?;
            merge(pages, page, &chosen)?;
            root = root::read(pages, page)?;
        }
        thaw_some(pages, page, &root.frozen, memory.max(MIN_MEMORY))?;
    }
}

/// Makes a segment of as many rows of a list as memory has room for.
fn thaw_some(pages: &mut impl PagesMut, page: u32, list: &List, memory: usize) -> Result<()> {
    let (mut rows, mut postings): (Vec<Row>, Vec<Posting>) = (Vec::new(), Vec::new());
    let (mut done, mut after, mut inside): (Vec<u32>, u32, Option<u32>) = (Vec::new(), 0, None);
    walk(pages, list, page, |step| match step {
        Step::Entry(entry) => {
            let its = Row { key: entry.key, tid: entry.tid };
            if inside.is_none() {
                push(&mut rows, its)?;
            } else if rows.last() != Some(&its) {
                return Err(corrupted("a pending row ends early"));
            }
            let before = entry.check(inside)?;
            inside = if entry.continues { Some(before.unwrap_or(0)) } else { None };
            let row = (rows.len() - 1) as u32;
            let all = entry.elements();
            crate::memory::allocation::Reserve::room_for(&mut postings, all.len())?;
            postings.extend(all.map(|(dim, weight)| Posting { dim, row, weight }));
            Ok(true)
        }
        Step::End(here, next) => {
            push(&mut done, here)?;
            after = next;
            let bytes = size_of_val(&postings[..]) + size_of_val(&rows[..]);
            Ok(inside.is_some() || bytes < memory / 2)
        }
    })
    .map_err(Trouble::into_fault)?;
    if inside.is_some() {
        return Err(corrupted("the last pending row ends early"));
    }
    let owner = Owner { root: page, number: root::take_number(pages, page)? };
    let new = write(pages, owner, &rows, &mut postings)?;
    root::change(pages, page, |root| {
        if root.frozen.number != list.number || root.frozen.head != list.head {
            return Err(corrupted("the frozen list has changed"));
        }
        new.map_or(Ok(()), |new| root.add(new))?;
        root.frozen = match after {
            0 => List::default(),
            _ => List { head: after, pages: list.pages.saturating_sub(done.len() as u32), ..*list },
        };
        Ok(())
    })?;
    let owner = Owner { root: page, number: list.number };
    done.into_iter().try_for_each(|page| free(pages, page, owner))
}

/// Writes rows as a segment, in the order of their keys. Their postings are changed: put into order, with other
/// numbers of rows.
///
/// # Errors
/// Those of the pages; `53200`.
pub(super) fn write(
    pages: &mut impl PagesMut,
    owner: Owner,
    rows: &[Row],
    postings: &mut [Posting],
) -> Result<Option<Segment>> {
    let mut sorted: Vec<(u32, u32)> = with_room(rows.len())?;
    sorted.extend((0..).zip(rows).map(|(number, row)| (row.key, number)));
    sorted.sort_unstable();
    let mut places: Vec<u32> = filled(0, rows.len())?;
    (0..).zip(&sorted).for_each(|(place, (_, number))| places[*number as usize] = place);
    postings.iter_mut().for_each(|posting| posting.row = places[posting.row as usize]);
    if sorted.first().map(|first| first.0) == sorted.last().map(|last| last.0) {
        postings.sort_unstable_by_key(|posting| (u64::from(posting.dim) << 32) | u64::from(posting.row));
    } else {
        postings.sort_unstable_by_key(|posting| (sorted[posting.row as usize].0, posting.dim, posting.row));
    }
    let (mut writer, mut rest) = (SegmentWriter::new(owner)?, &*postings);
    for its in sorted.chunk_by(|a, b| a.0 == b.0) {
        for (key, number) in its {
            writer.row(pages, *key, rows[*number as usize].tid)?;
        }
        let end = writer.rows();
        let (now, after) = rest.split_at(rest.partition_point(|posting| posting.row < end));
        now.iter().try_for_each(|posting| writer.posting(pages, posting.dim, posting.row, posting.weight))?;
        rest = after;
    }
    writer.finish(pages)
}

fn tier(segment: &Segment) -> u32 {
    // A segment without its dead rows is as large as its living ones.
    let living = u64::from(segment.pages) * u64::from(segment.docs - segment.dead) / u64::from(segment.docs);
    (living / u64::from(SMALLEST)).max(1).ilog(FANOUT as u64)
}

/// The numbers of the segments that should become one, or none.
fn choose(segments: &[Segment], max_pages: u32) -> Result<Vec<u32>> {
    let mut chosen: Vec<u32> = Vec::new();
    let mut top: Option<u32> = None;
    let crowded = segments.len() > MAX_SEGMENTS / 2;
    for segment in segments {
        let tier = tier(segment);
        let full = segments.iter().filter(|other| self::tier(other) == tier).count() >= FANOUT;
        let below = || segments.iter().filter(|other| self::tier(other) <= tier);
        let pages = below().fold(0u32, |sum, other| sum.saturating_add(other.pages));
        let rows = below().fold(0u64, |sum, other| sum + u64::from(other.docs));
        let fits = (crowded || pages <= max_pages) && rows < u64::from(u32::MAX - 1);
        if full && fits && top.is_none_or(|top| tier > top) {
            top = Some(tier);
        }
    }
    if let Some(top) = top {
        for segment in segments.iter().filter(|segment| tier(segment) <= top) {
            push(&mut chosen, segment.number)?;
        }
    } else if segments.len() >= MAX_SEGMENTS - 1 {
        // Tiers are full of segments that are too large together: the two smallest.
        let mut by_size: Vec<(u32, u32)> = with_room(segments.len())?;
        by_size.extend(segments.iter().map(|segment| (segment.docs, segment.number)));
        by_size.sort_unstable();
        by_size.iter().take(2).try_for_each(|(_, number)| push(&mut chosen, *number))?;
    }
    Ok(chosen)
}

/// A segment that is merged.
struct Source {
    segment: Segment,
    reader: TermReader,
    living: Living,
    /// Of the key: how many rows lived before its first one, and the new number of the first that lives.
    before: u32,
    base: u32,
}

impl Source {
    /// Writes the living rows of the key whose term has come.
    fn rows(
        &mut self,
        pages: &mut impl PagesMut,
        owner: Owner,
        writer: &mut SegmentWriter,
        tids: &mut Vec<Tid>,
    ) -> Reading<()> {
        let Some(term) = self.reader.term else { return Ok(()) };
        let (mut at, end) = (term.place.page, term.place.page + term.count);
        (self.before, self.base) = (self.living.before(at), writer.rows());
        while at < end {
            pages.check_interrupts()?;
            tids.clear();
            let given = (at, (end - at) as usize);
            docs::some(pages, &self.segment, owner, given, &mut |tid| push(tids, tid))?;
            for (row, tid) in (at..).zip(&*tids) {
                if self.living.rank(row).is_some() {
                    writer.row(pages, term.name.key, *tid)?;
                }
            }
            at += tids.len() as u32;
        }
        Ok(())
    }
}

/// Writes the living rows of segments as one segment. `None` if no row lives.
///
/// # Errors
/// An index whose bytes cannot have been written; those of the pages.
pub(super) fn join(
    pages: &mut impl PagesMut,
    from: u32,
    segments: &[Segment],
    owner: Owner,
) -> Reading<Option<Segment>> {
    let mut writer = SegmentWriter::new(owner)?;
    let mut sources: Vec<Source> = with_room(segments.len())?;
    for segment in segments {
        let living = Living::read(pages, segment, segment.owner(from), |_| Ok(()))?;
        let reader = TermReader::new(pages, segment, segment.owner(from))?;
        sources.push(Source { segment: *segment, reader, living, before: 0, base: 0 });
    }
    let mut tids: Vec<Tid> = Vec::new();
    while let Some(name) = sources.iter().filter_map(|source| Some(source.reader.term?.name)).min() {
        for source in &mut sources {
            if source.reader.term.is_none_or(|term| term.name != name) {
                continue;
            }
            if name.is_rows() {
                let owner = source.segment.owner(from);
                source.rows(pages, owner, &mut writer, &mut tids)?;
            } else {
                let Source { reader, living, before, base, .. } = source;
                reader.postings(pages, |pages, rows, weights| {
                    for (row, weight) in rows.iter().zip(weights) {
                        if let Some(rank) = living.rank(*row) {
                            writer.posting(pages, name.dim_or_0(), *base + (rank - *before), *weight)?;
                        }
                    }
                    Ok(())
                })?;
            }
            source.reader.advance(pages)?;
        }
    }
    Ok(writer.finish(pages)?)
}

/// Makes one segment of those with these numbers.
///
/// # Errors
/// As [`maintain`].
pub(super) fn merge(pages: &mut impl PagesMut, page: u32, numbers: &[u32]) -> Result<()> {
    let owner = Owner { root: page, number: root::take_number(pages, page)? };
    let root = root::read(pages, page)?;
    let mut old: Vec<Segment> = with_room(numbers.len())?;
    old.extend(root.segments.iter().filter(|segment| numbers.contains(&segment.number)));
    let new = join(pages, page, &old, owner).map_err(Trouble::into_fault)?;
    replace(pages, page, &old, new)
}

/// Puts a segment in the place of others, and frees their pages.
fn replace(pages: &mut impl PagesMut, page: u32, old: &[Segment], new: Option<Segment>) -> Result<()> {
    let mut freed: Vec<(u32, Owner)> = Vec::new();
    for segment in old {
        let owner = segment.owner(page);
        for page in map::read(pages, segment, owner).map_err(Trouble::into_fault)? {
            push(&mut freed, (page, owner))?;
        }
    }
    root::change(pages, page, |root: &mut Root| {
        root.segments.retain(|segment| old.iter().all(|old| old.number != segment.number));
        new.map_or(Ok(()), |new| root.add(new))
    })?;
    for (page, owner) in freed {
        pages.check_interrupts()?;
        free(pages, page, owner)?;
    }
    Ok(())
}
