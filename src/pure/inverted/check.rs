//! Finds what is wrong with an index.
//!
//! All pages that hang below a root are read, their checksums compared, and all that is written twice: counts,
//! bounds, the order of terms and rows, the last row of a block. A table is not looked at.

use super::dictionary::{self, Name};
use super::docs::Living;
use super::map;
use super::meta::META;
use super::page::{self, Kind, Owner, word};
use super::pending::{Step, walk};
use super::root::{self, List, Root, Segment};
use super::segment_reader::TermReader;
use super::storage::{Copied, Pages};
use super::trouble::{Reading, Trouble};
use crate::fault::{Fault, Result, state};
use crate::hnsw::node::{Tid, how_corrupted};
use crate::memory::allocation::push;

/// A fault of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The page, or the root of what is wrong as a whole.
    pub page: u32,
    /// The fault, in lower case, without a full stop.
    pub text: String,
}

/// What was found so far.
struct Checker {
    page: u32,
    max: usize,
    findings: Vec<Finding>,
    /// TIDs of all rows, as numbers.
    rows: Vec<u64>,
    /// Pages in maps, with their segments.
    mapped: Vec<(u32, u32)>,
}

/// Looks at all that hangs below a root; keeps at most `max` findings. The caller holds the root's merge lock.
///
/// # Errors
/// Those of the pages, but corrupted bytes, which are findings; `53200`.
pub fn check(pages: &mut impl Pages, page: u32, max: usize) -> Result<Vec<Finding>> {
    let mut checker = Checker { page, max, findings: Vec::new(), rows: Vec::new(), mapped: Vec::new() };
    let root = match root::read(pages, page) {
        Ok(root) => root,
        Err(fault) => {
            checker.note(page, fault)?;
            return Ok(checker.findings);
        }
    };
    checker.numbers(&root)?;
    for list in [&root.frozen, &root.pending] {
        let found = checker.list(pages, list);
        checker.found(found)?;
    }
    for segment in &root.segments {
        let found = checker.segment(pages, segment);
        checker.found(found)?;
    }
    // What has no map makes findings of all its pages.
    if checker.findings.is_empty() {
        let found = checker.mapped(pages, &root.segments);
        checker.found(found)?;
    }
    checker.rows.sort_unstable();
    if let Some(pair) = checker.rows.windows(2).find(|pair| pair[0] == pair[1]) {
        let (block, offset) = (pair[0] >> 16, pair[0] & 0xffff);
        checker.say(page, format!("row ({block},{offset}) is there twice"))?;
    }
    Ok(checker.findings)
}

impl Checker {
    fn say(&mut self, page: u32, text: String) -> Result<()> {
        if self.findings.len() < self.max {
            push(&mut self.findings, Finding { page, text })?;
        }
        Ok(())
    }

    /// Makes a finding of corrupted bytes.
    fn note(&mut self, page: u32, fault: Fault) -> Result<()> {
        if fault.state != state::INDEX_CORRUPTED {
            return Err(fault);
        }
        let text = how_corrupted(&fault).unwrap_or(&fault.message).to_owned();
        self.say(page, text)
    }

    fn found(&mut self, found: Reading<()>) -> Result<()> {
        match found {
            Ok(()) => Ok(()),
            Err(Trouble::Gone(page)) => self.note(page, Trouble::Gone(page).into_fault()),
            Err(Trouble::Fault(fault)) => self.note(self.page, fault),
        }
    }

    fn row(&mut self, tid: Tid) -> Result<()> {
        push(&mut self.rows, u64::from(tid.block) << 16 | u64::from(tid.offset))
    }

    /// Each list and segment has a number of its own, below the next one.
    fn numbers(&mut self, root: &Root) -> Result<()> {
        let mut all: Vec<u32> = Vec::new();
        root.segments.iter().try_for_each(|segment| push(&mut all, segment.number))?;
        push(&mut all, root.pending.number)?;
        if root.frozen.number != 0 {
            push(&mut all, root.frozen.number)?;
        }
        all.sort_unstable();
        let twice = all.windows(2).any(|pair| pair[0] == pair[1]);
        if twice || all.first() == Some(&0) || all.last().is_some_and(|last| *last >= root.next) {
            self.say(
                self.page,
                format!("its lists and segments have the numbers {all:?}, the next is {}", root.next),
            )?;
        }
        Ok(())
    }

    fn list(&mut self, pages: &mut impl Pages, list: &List) -> Reading<()> {
        let (owner, root) = (Owner { root: self.page, number: list.number }, self.page);
        let (mut inside, mut rows): (Option<u32>, Vec<Tid>) = (None, Vec::new());
        let mut begun: Option<(u32, Tid)> = None;
        let (mut number, mut count, mut tail) = (list.head, 0u32, 0);
        while number != 0 && count <= list.pages {
            let mut copy = Copied::default();
            copy.read(pages, number, owner, Kind::Pending)?;
            (count, tail, number) = (count + 1, number, copy.next);
        }
        let ended = walk(pages, list, root, |step| {
            let Step::Entry(entry) = step else { return Ok(true) };
            let before = entry.check(inside)?;
            match begun {
                None => push(&mut rows, entry.tid)?,
                Some(row) if row == (entry.key, entry.tid) => {}
                Some(_) => return Err(page::corrupted("a pending row ends early")),
            }
            (inside, begun) =
                if entry.continues { (before, Some((entry.key, entry.tid))) } else { (None, None) };
            Ok(true)
        });
        rows.into_iter().try_for_each(|tid| self.row(tid))?;
        ended?;
        // Others may have added pages since the root was read.
        if begun.is_some() {
            return Err(page::corrupted("the last pending row ends early").into());
        }
        if count < list.pages || (count == list.pages && tail != list.tail) {
            let wanted = format_args!(
                "{count} pages of pending rows to page {tail}, not {} to {}",
                list.pages, list.tail
            );
            return Err(page::corrupted(wanted).into());
        }
        Ok(())
    }

    fn segment(&mut self, pages: &mut impl Pages, segment: &Segment) -> Reading<()> {
        let owner = segment.owner(self.page);
        let mut rows: Vec<Tid> = Vec::new();
        let living = Living::read(pages, segment, owner, |tid| push(&mut rows, tid));
        rows.into_iter().try_for_each(|tid| self.row(tid))?;
        let dead = segment.docs - living?.count;
        if dead < segment.dead {
            self.say(
                self.page,
                format!("segment {} has {dead} dead rows, not {}", segment.number, segment.dead),
            )?;
        }
        let mut leaves: Vec<(Name, u32)> = Vec::new();
        let mut reader = TermReader::new(pages, segment, owner)?;
        while reader.term.is_some() {
            pages.check_interrupts()?;
            if let Some(start) = reader.leaf_start() {
                push(&mut leaves, start)?;
            }
            reader.postings(pages, |_, _, _| Ok(()))?;
            reader.advance(pages)?;
        }
        self.tree(pages, segment, owner, &leaves)?;
        for page in map::read(pages, segment, owner)? {
            push(&mut self.mapped, (page, segment.number))?;
        }
        Ok(())
    }

    /// The tree of terms leads to these leaves, which begin with these terms.
    fn tree(
        &mut self,
        pages: &mut impl Pages,
        segment: &Segment,
        owner: Owner,
        leaves: &[(Name, u32)],
    ) -> Reading<()> {
        let (root, mut level) = segment.terms_root;
        let mut entries: Vec<(Name, u32)> = Vec::new();
        if root != 0 {
            push(&mut entries, (leaves.first().map_or(Name::rows(0), |first| first.0), root))?;
        }
        let mut copy = Copied::default();
        while level > 0 && level <= dictionary::MAX_LEVEL {
            let mut below: Vec<(Name, u32)> = Vec::new();
            for (first, page) in entries {
                copy.read(pages, page, owner, Kind::TermsInner)?;
                let inner = copy.content.as_chunks::<{ dictionary::INNER }>().0;
                let start = inner.first().map(|entry| Name::read(entry));
                if copy.level != level || start != Some(first) {
                    return Err(
                        page::corrupted(format_args!("page {page} is out of place in its tree")).into()
                    );
                }
                inner.iter().try_for_each(|entry| push(&mut below, (Name::read(entry), word(entry, 8))))?;
            }
            if below.len() > leaves.len() {
                return Err(page::corrupted("the tree of terms has more pages than their chain").into());
            }
            (entries, level) = (below, level - 1);
        }
        if entries == leaves {
            return Ok(());
        }
        Err(page::corrupted("the tree of terms leads to other pages than their chain").into())
    }

    /// Each page of the file is in the map of the segment that it says it belongs to, once, and no other is;
    /// checksums are right.
    fn mapped(&mut self, pages: &mut impl Pages, segments: &[Segment]) -> Reading<()> {
        self.mapped.sort_unstable();
        if let Some(pair) = self.mapped.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(page::corrupted(format_args!("page {} is in maps twice", pair[0].0)).into());
        }
        let mut met = 0;
        for number in META + 1..pages.count()? {
            pages.check_interrupts()?;
            let listed = self.mapped.binary_search_by_key(&number, |mapped| mapped.0).ok();
            let listed = listed.and_then(|at| self.mapped.get(at)).map(|mapped| mapped.1);
            let (its, right) = pages.read(number, |room| {
                let owner = page::owner(room)?.filter(|owner| owner.root == self.page);
                let number = owner.map(|owner| owner.number);
                let its = number.filter(|number| segments.iter().any(|segment| segment.number == *number));
                Result::Ok((its, page::is_right(room)))
            })??;
            if its != listed {
                let text = format!("the page is of segment {its:?} and in the map of {listed:?}");
                self.say(number, text)?;
            } else if its.is_some() && !right {
                self.say(number, "the page has another checksum than its bytes".into())?;
            }
            met += usize::from(listed.is_some());
        }
        if met == self.mapped.len() {
            return Ok(());
        }
        Err(page::corrupted(format_args!("{} mapped pages are not in the file", self.mapped.len() - met))
            .into())
    }
}
