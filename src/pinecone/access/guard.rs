//! What every function of the API asks before it does anything: who acts, and may they?
//!
//! The level is judged before a name is looked up, and an index of another project, or out of a key's scope, is not found:
//! nobody learns what they may not see. The policies on the tables judge the same a second time.

use super::audit::{Event, judged, refused, touched};
use super::identity::principal;
use crate::pinecone::registry::{Index, missing};
use crate::pinecone::server::statement::Mode;
use crate::raise::raise;
use conifer_pure::pinecone::access::level::{Level, Plane};
use conifer_pure::pinecone::access::principal::{Kind, Principal};
use conifer_pure::pinecone::access::scope::Names;
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
    touched(&event, if need == Level::ReadOnly { Mode::Read } else { Mode::Write });
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

/// Lets those pass who may see what there is on the control plane.
///
/// # Errors
/// As [`control`].
pub fn look(action: &'static str, name: &str) {
    control(action, name, Level::ReadOnly);
    touched(&Event { action, kind: "index", resource: name }, Mode::Read);
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
    let reach = found.and_then(|index| Some((who.reach(&who.project, index.id)?.clone(), index)));
    match reach {
        Some((names, index)) => Reach { index, who, names, action },
        // A key that asks for what it does not see may be trying doors.
        None if who.kind == Kind::Key => {
            refused(Some(&who), &Event { action, kind: "index", resource: name }, missing(name))
        }
        None => raise(missing(name)),
    }
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
