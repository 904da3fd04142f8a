//! What a filter asks of an inverted index: keys to look up, and what follows from which of them a record has.
//!
//! A record that is left out for its keys is one that the filter is not for. The reverse does not hold: the filter is asked of
//! what remains.

use super::key::Key;
use super::metadata::Scalar;
use super::tree::{Clause, Filter, Range, Test};
use super::values::Values;
use crate::fault::Result;
use crate::memory::allocation::{Reserve, push, with_room};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Whether a record has a key, and what follows: false, true or not known. The values are those of GIN.
pub mod tri {
    /// No.
    pub const FALSE: u8 = 0;
    /// Yes.
    pub const TRUE: u8 = 1;
    /// Perhaps.
    pub const MAYBE: u8 = 2;
}

/// The keys of a filter, and how they are put together.
pub struct Query {
    keys: Vec<QueryKey>,
    root: Node,
}

/// A key to look up, or several that an index is read for from the first to the last.
pub struct QueryKey {
    /// The key, or where the keys begin.
    pub from: Key,
    reach: Reach,
    /// A record has the key if, and only if, the operator holds that the key is of.
    exact: bool,
}

/// How far a search goes from where it begins.
enum Reach {
    /// To the one key.
    One,
    /// To the last key that begins as this one does, or stands before it.
    To(Key),
    /// To the last of these, which are in order; keys between them do not count.
    Among(Vec<Key>),
}

/// Values of one `$in` from which on the index is read from the first to the last, and not looked up for each: GIN asks each key
/// that it looks up of each row that it finds.
const MANY: usize = 256;

impl QueryKey {
    /// Whether the index is to be read on behind the first key.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !matches!(self.reach, Reach::One)
    }

    /// Of a key of the index that does not stand before the first: whether it is looked for (`Equal`), is passed over on the way
    /// (`Less`), or is behind the last (`Greater`).
    #[must_use]
    pub fn compare(&self, key: &[u8]) -> Ordering {
        match &self.reach {
            Reach::One => key.cmp(self.from.as_bytes()),
            Reach::To(last) if key[..key.len().min(last.as_bytes().len())] > *last.as_bytes() => {
                Ordering::Greater
            }
            Reach::To(_) => Ordering::Equal,
            Reach::Among(keys) => match keys.binary_search_by(|other| other.as_bytes().cmp(key)) {
                Ok(_) => Ordering::Equal,
                Err(behind) if behind == keys.len() => Ordering::Greater,
                Err(_) => Ordering::Less,
            },
        }
    }
}

/// What follows from keys.
enum Node {
    /// A record has one of the keys from the first to before the second.
    Keys(usize, usize),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// Nothing follows.
    Unknown,
}

impl Query {
    /// Of a filter.
    ///
    /// # Errors
    /// `53200`.
    pub fn new(filter: &Filter) -> Result<Self> {
        Self::of_fields(filter, &|_| true)
    }

    /// Of a filter, for an index that keeps only some fields: what the filter asks of others is not known.
    ///
    /// # Errors
    /// `53200`.
    pub fn of_fields(filter: &Filter, keeps: &dyn Fn(&[u8]) -> bool) -> Result<Self> {
        Self::with(filter, keeps, MANY)
    }

    /// As [`Self::of_fields`], where so many values are many.
    pub(super) fn with(filter: &Filter, keeps: &dyn Fn(&[u8]) -> bool, many: usize) -> Result<Self> {
        let mut keys = Keys { list: Vec::new(), keeps, many };
        let root = conjunction(&filter.clauses, &mut keys)?;
        Ok(Self { keys: keys.list, root })
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[QueryKey] {
        &self.keys
    }

    /// What follows for a record, of each key whether it has that: never more than [`tri::MAYBE`] of a filter that may still
    /// refuse it.
    #[must_use]
    pub fn consistent(&self, has: &[u8]) -> u8 {
        self.root.follows(has, &self.keys)
    }

    /// Whether a record that has none of the keys may match: an index would have to be read as a whole.
    ///
    /// # Errors
    /// `53200`.
    pub fn needs_no_key(&self) -> Result<bool> {
        let mut none = with_room(self.keys.len())?;
        none.resize(self.keys.len(), tri::FALSE);
        Ok(self.consistent(&none) != tri::FALSE)
    }
}

/// The keys that were gathered so far.
struct Keys<'a> {
    list: Vec<QueryKey>,
    /// Whether the index has keys of a field.
    keeps: &'a dyn Fn(&[u8]) -> bool,
    /// From how many values on these are read in one go.
    many: usize,
}

impl Keys<'_> {
    fn add(&mut self, from: Key, reach: Reach, exact: bool) -> Result<Node> {
        let at = self.list.len();
        push(&mut self.list, QueryKey { from, reach, exact })?;
        Ok(Node::Keys(at, at + 1))
    }
}

/// Of clauses that hold together, in whatever depth. Numbers of one field are looked up once: from the last beginning to the first
/// end.
fn conjunction(clauses: &[Clause], keys: &mut Keys<'_>) -> Result<Node> {
    let (mut all, mut ranges) = (Vec::new(), HashMap::new());
    gather(clauses, keys, &mut all, &mut ranges)?;
    for (name, range) in ranges {
        let node = if range.is_empty() {
            never()
        } else {
            let field = Key::of_field(name);
            // Elements of a list have such keys, too.
            keys.add(field.number(range.min), Reach::To(field.number(range.max)), false)?
        };
        push(&mut all, node)?;
    }
    Ok(Node::All(all))
}

fn gather<'a>(
    clauses: &'a [Clause],
    keys: &mut Keys<'_>,
    all: &mut Vec<Node>,
    ranges: &mut HashMap<&'a [u8], Range>,
) -> Result<()> {
    for clause in clauses {
        match clause {
            Clause::All(clauses) => gather(clauses, keys, all, ranges)?,
            Clause::Any(choices) => {
                let mut any = with_room(choices.len())?;
                for clauses in choices {
                    any.push(conjunction(clauses, keys)?);
                }
                push(all, Node::Any(any))?;
            }
            Clause::Field { name, .. } if !(keys.keeps)(name) => push(all, Node::Unknown)?,
            Clause::Field { name, tests } => {
                let field = Key::of_field(name);
                for test in tests {
                    if let Test::Within(range) = test {
                        ranges.room_for(1)?;
                        let known = ranges.entry(name.as_slice()).or_insert(Range::ALL);
                        *known = known.and(*range);
                    } else {
                        push(all, of_test(&field, test, keys)?)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn of_test(field: &Key, test: &Test, keys: &mut Keys<'_>) -> Result<Node> {
    Ok(match test {
        Test::Equals(operand) => equal(field, [operand.scalar()].into_iter(), keys)?,
        Test::In(values) => among(field, values, keys)?,
        Test::Differs(operand) => both(
            exists(field, keys)?,
            Node::Not(Box::new(equal(field, [operand.scalar()].into_iter(), keys)?)),
        )?,
        Test::NotIn(values) => both(exists(field, keys)?, Node::Not(Box::new(among(field, values, keys)?)))?,
        Test::Within(range) if range.is_empty() => never(),
        Test::Within(range) => {
            keys.add(field.number(range.min), Reach::To(field.number(range.max)), false)?
        }
        Test::Exists(true) => exists(field, keys)?,
        Test::Exists(false) => Node::Not(Box::new(exists(field, keys)?)),
        Test::Not(tests) => {
            let mut all = with_room(tests.len())?;
            for test in tests {
                all.push(of_test(field, test, keys)?);
            }
            Node::Not(Box::new(Node::All(all)))
        }
    })
}

fn exists(field: &Key, keys: &mut Keys<'_>) -> Result<Node> {
    keys.add(*field, Reach::To(*field), field.is_exact())
}

fn among(field: &Key, values: &Values, keys: &mut Keys<'_>) -> Result<Node> {
    if values.count() < keys.many {
        return equal(field, values.iter(), keys);
    }
    let mut all = with_room(values.count())?;
    all.extend(values.iter().filter_map(|value| field.value(value)));
    all.sort_unstable_by(|a: &Key, b| a.as_bytes().cmp(b.as_bytes()));
    let Some(first) = all.first().copied() else { return Ok(never()) };
    let exact = all.iter().all(Key::is_exact);
    keys.add(first, Reach::Among(all), exact)
}

fn equal<'a>(field: &Key, values: impl Iterator<Item = Scalar<'a>>, keys: &mut Keys<'_>) -> Result<Node> {
    let first = keys.list.len();
    for key in values.filter_map(|value| field.value(value)) {
        keys.add(key, Reach::One, key.is_exact())?;
    }
    Ok(Node::Keys(first, keys.list.len()))
}

fn both(one: Node, other: Node) -> Result<Node> {
    let mut all = with_room(2)?;
    all.extend([one, other]);
    Ok(Node::All(all))
}

fn never() -> Node {
    Node::Any(Vec::new())
}

impl Node {
    fn follows(&self, has: &[u8], keys: &[QueryKey]) -> u8 {
        match self {
            Self::Keys(first, end) => {
                let has = &has[*first..*end];
                // Of many keys a record has few.
                if !has.contains(&tri::TRUE) && !has.contains(&tri::MAYBE) {
                    return tri::FALSE;
                }
                let sure =
                    has.iter().zip(&keys[*first..*end]).any(|(has, key)| *has == tri::TRUE && key.exact);
                if sure { tri::TRUE } else { tri::MAYBE }
            }
            Self::All(nodes) => {
                let mut all = tri::TRUE;
                for node in nodes {
                    match node.follows(has, keys) {
                        tri::FALSE => return tri::FALSE,
                        tri::TRUE => {}
                        _ => all = tri::MAYBE,
                    }
                }
                all
            }
            Self::Any(nodes) => {
                let mut any = tri::FALSE;
                for node in nodes {
                    match node.follows(has, keys) {
                        tri::TRUE => return tri::TRUE,
                        tri::FALSE => {}
                        _ => any = tri::MAYBE,
                    }
                }
                any
            }
            Self::Unknown => tri::MAYBE,
            Self::Not(node) => match node.follows(has, keys) {
                tri::FALSE => tri::TRUE,
                tri::TRUE => tri::FALSE,
                _ => tri::MAYBE,
            },
        }
    }
}
