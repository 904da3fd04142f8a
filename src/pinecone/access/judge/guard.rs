//! The judgement that every function on indexes and records asks for first: which principal acts, and whether it may.
//!
//! The level is judged before a name is looked up, and an index of another project, or out of a key's scope, is not found:
//! a refusal tells a caller nothing about indexes out of its reach. The policies on the tables judge the same a second time.

use super::attempt::Attempt;
use crate::pg::error::raise;
use crate::pg::spi::Mode;
use crate::pinecone::access::session::identity::lent;
use crate::pinecone::registry::{Index, missing};
use conifer_pure::pinecone::access::level::{Level, Plane};
use conifer_pure::pinecone::access::principal::Kind;
use conifer_pure::pinecone::access::scope::Names;
use pgrx::Uuid;

/// An index that the principal may use, and the attempt that was granted.
pub struct Granted<'a> {
    /// The index.
    pub index: Index,
    attempt: Attempt<'a>,
    names: Names,
}

/// The index `name`, for a principal that reads or writes its records.
///
/// # Errors
/// Raises 42501 if that is not allowed, 42P01 if there is no such index in reach, 28000 where no principal acts.
pub fn records<'a>(action: &'a str, name: &'a str, need: Level, mode: Mode) -> Granted<'a> {
    let attempt = Attempt::of(action, "index", name);
    attempt.require(attempt.who.require(Plane::Data, need));
    let granted = find(attempt, name, mode);
    granted.attempt.touched(if need == Level::ReadOnly { Mode::Read } else { Mode::Write });
    granted
}

/// The index `name`, for a principal that changes or deletes it as a whole.
///
/// # Errors
/// As [`records`], and 25006 in a transaction that may not write.
pub fn whole<'a>(action: &'a str, name: &'a str) -> Granted<'a> {
    let granted = find(control(action, name, Level::ReadWrite), name, Mode::Write);
    granted.attempt.require(granted.attempt.who.require_whole(&granted.names));
    granted.writes();
    granted
}

/// An attempt by a principal that has the level `need` on the control plane. A key has none in a function that runs with another
/// role's rights, as that of a trigger or a SECURITY DEFINER function: records are judged by these rights as well, indexes by the key's alone.
///
/// # Errors
/// Raises 42501 if it has not, 28000 where no principal acts.
fn control<'a>(action: &'a str, name: &'a str, need: Level) -> Attempt<'a> {
    let attempt = Attempt::of(action, "index", name);
    if attempt.who.kind == Kind::Key {
        attempt.allow(lent().is_none(), "use the control plane in a function that runs as another role");
    }
    attempt.require(attempt.who.require(Plane::Control, need));
    attempt
}

/// Refuses principals that may not read the control plane.
///
/// # Errors
/// As [`create`].
pub fn look(action: &str, name: &str) {
    control(action, name, Level::ReadOnly).touched(Mode::Read);
}

/// An attempt by a principal that may make indexes.
///
/// # Errors
/// Raises 42501 if that is not allowed, 28000 where no principal acts, 25006 in a transaction that may not write.
pub fn create<'a>(action: &'a str, name: &'a str) -> Attempt<'a> {
    let attempt = control(action, name, Level::ReadWrite);
    attempt.require(attempt.who.require_project());
    attempt.writes();
    attempt
}

fn find<'a>(attempt: Attempt<'a>, name: &str, mode: Mode) -> Granted<'a> {
    let who = &attempt.who;
    let found = Index::find(name, who.project, mode);
    match found.and_then(|index| Some((who.reach(&who.project, index.id)?.clone(), index))) {
        Some((names, index)) => Granted { index, attempt, names },
        // A key that asks for an index out of its sight may be probing names, so the refusal is recorded.
        None if who.kind == Kind::Key => attempt.refuse(missing(name)),
        None => raise(missing(name)),
    }
}

impl Granted<'_> {
    /// The namespaces of the index that can be reached.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The project that the index is in.
    pub fn project(&self) -> Uuid {
        Uuid::from_bytes(self.attempt.who.project)
    }

    /// Refuses a namespace out of a key's scope.
    ///
    /// # Errors
    /// Raises 42501.
    pub fn require(&self, namespace: &str) {
        let attempt = self.attempt.on("namespace", namespace);
        attempt.require(attempt.who.require_namespace(&self.names, namespace));
    }

    /// Refuses a function that writes to a transaction that may not.
    ///
    /// # Errors
    /// Raises 25006.
    pub fn writes(&self) {
        self.attempt.writes();
    }

    /// Records the success of the attempt.
    pub fn done(&self) {
        self.attempt.done(None);
    }
}
