//! What every function of the API asks before it does anything: who acts, and may they?
//!
//! The level is judged before a name is looked up, and an index of another project, or out of a key's scope, is not found:
//! nobody learns what they may not see. The policies on the tables judge the same a second time.

use super::audit::{Event, judged, touched};
use super::identity::principal;
use crate::pinecone::registry::{Index, not_found};
use crate::pinecone::server::statement::Mode;
use conifer_pure::access::level::{Level, Plane};
use conifer_pure::access::principal::Principal;
use conifer_pure::access::scope::Names;
use std::rc::Rc;

/// An index, and who asked for it.
pub struct Reach {
    /// The index.
    pub index: Index,
    who: Rc<Principal>,
    names: Names,
    action: &'static str,
}

/// The index called `name`, for somebody who reads or writes its records.
///
/// # Errors
/// Raises 42501 if that is not allowed, 42P01 if there is no such index in reach, 28000 where nobody acts.
pub fn records(action: &'static str, name: &str, need: Level, mode: Mode) -> Reach {
    let who = principal();
    let event = Event { action, kind: "index", resource: name };
    judged(&who, &event, who.require(Plane::Data, need));
    let reach = find(action, who, name, mode);
    touched(&event);
    reach
}

/// The index called `name`, for somebody who changes or deletes it as a whole.
///
/// # Errors
/// As [`records`].
pub fn whole(action: &'static str, name: &str) -> Reach {
    let who = control(action, name, Level::ReadWrite);
    let reach = find(action, who, name, Mode::Write);
    let event = Event { action, kind: "index", resource: name };
    judged(&reach.who, &event, reach.who.require_whole(&reach.names));
    reach
}

/// Who acts, if they may do something on the control plane.
///
/// # Errors
/// Raises 42501 if not, 28000 where nobody acts.
pub fn control(action: &'static str, name: &str, need: Level) -> Rc<Principal> {
    let who = principal();
    judged(&who, &Event { action, kind: "index", resource: name }, who.require(Plane::Control, need));
    who
}

/// Who acts, if they may make indexes.
///
/// # Errors
/// As [`control`].
pub fn create(action: &'static str, name: &str) -> Rc<Principal> {
    let who = control(action, name, Level::ReadWrite);
    judged(&who, &Event { action, kind: "index", resource: name }, who.require_project());
    who
}

fn find(action: &'static str, who: Rc<Principal>, name: &str, mode: Mode) -> Reach {
    let found = Index::find(name, who.project, mode);
    let index = found.unwrap_or_else(|| not_found(name));
    let Some(names) = who.reach(&who.project, index.id).cloned() else { not_found(name) };
    Reach { index, who, names, action }
}

impl Reach {
    /// Refuses a namespace out of a key's scope.
    ///
    /// # Errors
    /// Raises 42501.
    pub fn require(&self, namespace: &str) {
        let event = Event { action: self.action, kind: "namespace", resource: namespace };
        judged(&self.who, &event, self.who.require_namespace(&self.names, namespace));
    }
}
