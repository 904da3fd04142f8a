//! What a filter asks of an inverted index: keys to look up, and what follows from which of them a record has.
//!
//! A record that is left out for its keys is one that the filter is not for. The reverse does not hold: the filter is asked of
//! what remains.

use super::key::Key;
use super::metadata::Scalar;
use super::tree::{Clause, Filter, Range, Test};
use crate::fault::Result;
use crate::memory::allocation::{Reserve, push, with_room};
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

/// A key to look up, or the first and the last of keys that stand side by side.
pub struct QueryKey {
    /// The key, or where the keys begin.
    pub from: Key,
    /// The keys that are looked up are not beyond this one, as [`is_beyond`](super::is_beyond) tells.
    pub to: Option<Key>,
    /// A record has the key if, and only if, the operator holds that the key is of.
    exact: bool,
}

/// What follows from keys.
enum Node {
    /// A record has one of the keys from the first to before the second.
    Keys(usize, usize),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
}

impl Query {
    /// Of a filter.
    ///
    /// # Errors
    /// `53200`.
    pub fn new(filter: &Filter) -> Result<Self> {
        let mut keys = Vec::new();
        let root = conjunction(&filter.clauses, &mut keys)?;
        Ok(Self { keys, root })
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

/// Of clauses that hold together, in whatever depth. Numbers of one field are looked up once: from the last beginning to the first
/// end.
fn conjunction(clauses: &[Clause], keys: &mut Vec<QueryKey>) -> Result<Node> {
    let (mut all, mut ranges) = (Vec::new(), HashMap::new());
    gather(clauses, keys, &mut all, &mut ranges)?;
    for (name, range) in ranges {
        let node = if range.is_empty() {
            never()
        } else {
            let field = Key::of_field(name);
            // Elements of a list have such keys, too.
            key(keys, field.number(range.min), Some(field.number(range.max)), false)?
        };
        push(&mut all, node)?;
    }
    Ok(Node::All(all))
}

fn gather<'a>(
    clauses: &'a [Clause],
    keys: &mut Vec<QueryKey>,
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

fn of_test(field: &Key, test: &Test, keys: &mut Vec<QueryKey>) -> Result<Node> {
    Ok(match test {
        Test::Equals(operand) => equal(field, [operand.scalar()].into_iter(), keys)?,
        Test::In(values) => {
            keys.room_for(values.count())?;
            equal(field, values.iter(), keys)?
        }
        Test::Differs(operand) => both(
            exists(field, keys)?,
            Node::Not(Box::new(equal(field, [operand.scalar()].into_iter(), keys)?)),
        )?,
        Test::NotIn(values) => {
            keys.room_for(values.count() + 1)?;
            both(exists(field, keys)?, Node::Not(Box::new(equal(field, values.iter(), keys)?)))?
        }
        Test::Within(range) if range.is_empty() => never(),
        Test::Within(range) => key(keys, field.number(range.min), Some(field.number(range.max)), false)?,
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

fn exists(field: &Key, keys: &mut Vec<QueryKey>) -> Result<Node> {
    key(keys, *field, Some(*field), field.is_exact())
}

fn key(keys: &mut Vec<QueryKey>, from: Key, to: Option<Key>, exact: bool) -> Result<Node> {
    let at = keys.len();
    push(keys, QueryKey { from, to, exact })?;
    Ok(Node::Keys(at, at + 1))
}

fn equal<'a>(
    field: &Key,
    values: impl Iterator<Item = Scalar<'a>>,
    keys: &mut Vec<QueryKey>,
) -> Result<Node> {
    let first = keys.len();
    for from in values.filter_map(|value| field.value(value)) {
        push(keys, QueryKey { exact: from.is_exact(), from, to: None })?;
    }
    Ok(Node::Keys(first, keys.len()))
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
            Self::Not(node) => match node.follows(has, keys) {
                tri::FALSE => tri::TRUE,
                tri::TRUE => tri::FALSE,
                _ => tri::MAYBE,
            },
        }
    }
}
