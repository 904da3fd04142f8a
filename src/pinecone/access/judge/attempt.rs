//! An attempt: a principal and the action it tries. A refusal of the attempt, or its success, is recorded with both.

use crate::pg::error::raise;
use crate::pg::read_only;
use crate::pg::spi::Mode;
use crate::pinecone::access::audit;
use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::session::identity;
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use conifer_pure::pinecone::access::principal::{Principal, denied};
use std::rc::Rc;

/// A principal and the action it tries.
pub struct Attempt<'a> {
    /// The principal that acts.
    pub who: Rc<Principal>,
    event: Event<'a>,
}

impl<'a> Attempt<'a> {
    /// Begins an attempt by the principal that acts.
    ///
    /// # Errors
    /// Raises 28000 for a key that is revoked or has expired, and where no key is in effect; 42501 for a role without rights,
    /// 42704 if the project that is set does not exist.
    pub fn of(action: &'a str, kind: &'a str, resource: &'a str) -> Self {
        Self::within(None, action, kind, resource)
    }

    /// As [`Self::of`], in the named project instead of the one that is set. A key acts in its own project whatever is named.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn within(project: Option<&str>, action: &'a str, kind: &'a str, resource: &'a str) -> Self {
        let event = Event { action, kind, resource };
        Self { who: identity::principal(&event, project), event }
    }

    /// The same action of the same principal on another thing.
    pub fn on<'b>(&self, kind: &'b str, resource: &'b str) -> Attempt<'b>
    where
        'a: 'b,
    {
        Attempt { who: self.who.clone(), event: Event { action: self.event.action, kind, resource } }
    }

    /// The value of a verdict; a refusal is recorded before it is raised.
    pub fn require<T>(&self, verdict: conifer_pure::Result<T>) -> T {
        verdict.unwrap_or_else(|fault: Fault| {
            if fault.state == INSUFFICIENT_PRIVILEGE {
                self.refuse(fault);
            }
            raise(fault)
        })
    }

    /// Refuses the action described by `what`, unless it is allowed.
    ///
    /// # Errors
    /// Raises 42501.
    pub fn allow(&self, is_allowed: bool, what: &str) {
        if !is_allowed {
            self.refuse(denied(format!("permission denied: {} may not {what}", self.who.who())));
        }
    }

    /// Refuses an action that writes to a transaction that may not.
    ///
    /// # Errors
    /// Raises 25006.
    pub fn writes(&self) {
        read_only::refuse(&format!("pc_{}", self.event.action));
    }

    /// Records the refusal and raises `fault`.
    pub fn refuse(&self, fault: Fault) -> ! {
        refused(Some(&self.who), &self.event, fault)
    }

    /// Records the success of the attempt. `parameters` is JSON.
    pub fn done(&self, parameters: Option<&str>) {
        audit::done(&self.who, &self.event, Some(self.who.project), parameters);
    }

    /// As [`Self::done`], for what is done to the organisation, whatever project is set: the project's owners are not to read of it.
    pub fn done_to_organisation(&self, parameters: Option<&str>) {
        audit::done(&self.who, &self.event, None, parameters);
    }

    /// Records a read or write of records, or a read on the control plane, if `conifer.audit_data_plane` is on.
    pub fn touched(&self, mode: Mode) {
        audit::touched(&self.who, &self.event, mode);
    }
}
