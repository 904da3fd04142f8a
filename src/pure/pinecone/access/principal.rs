//! The principal: who acts, and what they may do. Every question of access is answered here and in the row policies, alike.

use super::level::{Level, Levels, Plane};
use super::scope::{Names, Scope};
use crate::fault::state::INSUFFICIENT_PRIVILEGE;
use crate::fault::{Fault, Result, quoted};

/// The number of a project.
pub type ProjectId = [u8; 16];

/// The kind of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A superuser, who is refused nothing.
    Superuser,
    /// An ordinary role with Pinecone's roles.
    Person,
    /// An API key, as a login or within a pooled session.
    Key,
}

/// What a principal may administer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admin {
    /// Sees the project's keys.
    pub lists_keys: bool,
    /// Makes, changes and revokes the project's keys.
    pub keys: bool,
    /// Gives and takes roles on the project.
    pub members: bool,
    /// Makes and deletes projects, and gives roles on them.
    pub projects: bool,
    /// Gives and takes roles on the organisation.
    pub organisation: bool,
}

/// The role or key that acts, within one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Superuser, person or key.
    pub kind: Kind,
    /// The name of the principal's role.
    pub name: String,
    /// The project that the principal acts in.
    pub project: ProjectId,
    /// Levels of access there.
    pub levels: Levels,
    /// Indexes and namespaces that can be reached there.
    pub scope: Scope,
    /// What the principal may administer.
    pub admin: Admin,
    /// When the key expires, in the server's microseconds.
    pub expires: Option<i64>,
}

impl Principal {
    /// Refuses an operation that needs more than the level held on a plane. This check comes before any look-up by name, so
    /// that a refusal does not tell which names exist.
    ///
    /// # Errors
    /// 42501, with the level held and the level needed.
    pub fn require(&self, plane: Plane, need: Level) -> Result<()> {
        let held = self.levels.on(plane);
        if held >= need {
            return Ok(());
        }
        let (who, held, need, plane) = (self.who(), held.name(), need.name(), plane.name());
        Err(denied(format!(
            "permission denied: {who} has {held} access to the {plane}, but {need} access is needed"
        )))
    }

    /// The namespaces of an index that can be reached; none if the index cannot, which then must look as if it did not exist.
    pub fn reach(&self, project: &ProjectId, index: i32) -> Option<&Names> {
        (*project == self.project).then(|| self.scope.of(index)).flatten()
    }

    /// Refuses a namespace out of reach.
    ///
    /// # Errors
    /// 42501.
    pub fn require_namespace(&self, names: &Names, namespace: &str) -> Result<()> {
        if names.has(namespace) {
            return Ok(());
        }
        let (who, namespace) = (self.who(), quoted(namespace));
        Err(denied(format!("permission denied: {who} has no access to namespace {namespace}")))
    }

    /// Refuses to change an index as a whole to a principal that can reach only some of its namespaces.
    ///
    /// # Errors
    /// 42501.
    pub fn require_whole(&self, names: &Names) -> Result<()> {
        if *names == Names::All {
            return Ok(());
        }
        Err(denied(format!("permission denied: {} is limited to some namespaces of the index", self.who())))
    }

    /// Refuses to make indexes to a principal that is limited to some.
    ///
    /// # Errors
    /// 42501.
    pub fn require_project(&self) -> Result<()> {
        if self.scope.is_project() {
            return Ok(());
        }
        Err(denied(format!("permission denied: {} is limited to some indexes", self.who())))
    }

    /// Whether a row of the registry is shown.
    pub fn describes(&self, project: &ProjectId, index: i32) -> bool {
        self.levels.control >= Level::ReadOnly && self.reach(project, index).is_some()
    }

    /// The namespaces of an index whose records may be read or written at level `need`; none if no records may.
    pub fn records(&self, project: &ProjectId, index: i32, need: Level) -> Option<&Names> {
        (self.levels.data >= need).then(|| self.reach(project, index)).flatten()
    }

    /// The principal as messages name it.
    pub fn who(&self) -> String {
        match self.kind {
            Kind::Key => format!("API key \"{}\"", self.name),
            Kind::Person | Kind::Superuser => format!("role \"{}\"", self.name),
        }
    }
}

/// Pinecone's 403.
pub fn denied(message: String) -> Fault {
    Fault::new(INSUFFICIENT_PRIVILEGE, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const MINE: ProjectId = [1; 16];
    const OTHER: ProjectId = [2; 16];
    const LEVELS: [Level; 3] = [Level::None, Level::ReadOnly, Level::ReadWrite];

    fn key(levels: Levels, scope: Scope) -> Principal {
        let name = "cfk_0123456789abcdef".into();
        Principal {
            kind: Kind::Key,
            name,
            project: MINE,
            levels,
            scope,
            admin: Admin::default(),
            expires: None,
        }
    }

    /// Index 1 whole, two namespaces of index 2.
    fn some() -> Scope {
        let names = BTreeSet::from(["".to_owned(), "a".to_owned()]);
        Scope::Indexes(BTreeMap::from([(1, Names::All), (2, Names::These(names))]))
    }

    #[test]
    fn each_level_on_each_plane() {
        for held in LEVELS {
            for need in LEVELS {
                let on_data = key(Levels { control: Level::None, data: held }, Scope::Project);
                assert_eq!(on_data.require(Plane::Data, need).is_ok(), held >= need);
                assert_eq!(on_data.records(&MINE, 7, need).is_some(), held >= need);
                assert_eq!(on_data.require(Plane::Control, need).is_ok(), need == Level::None);
                assert!(!on_data.describes(&MINE, 7));
                let on_control = key(Levels { control: held, data: Level::None }, Scope::Project);
                assert_eq!(on_control.require(Plane::Control, need).is_ok(), held >= need);
                assert_eq!(on_control.describes(&MINE, 7), held >= Level::ReadOnly);
                assert_eq!(on_control.records(&MINE, 7, Level::ReadOnly), None);
            }
        }
        let fault = key(Levels::default(), Scope::Project).require(Plane::Data, Level::ReadOnly).unwrap_err();
        assert_eq!(
            fault.message,
            "permission denied: API key \"cfk_0123456789abcdef\" has None access to the data plane, but ReadOnly \
             access is needed"
        );
        assert_eq!(fault.state, INSUFFICIENT_PRIVILEGE);
    }

    #[test]
    fn nothing_of_another_project() {
        for scope in [Scope::Project, some()] {
            let all = key(Levels::ALL, scope);
            assert_eq!(all.reach(&OTHER, 1), None);
            assert!(!all.describes(&OTHER, 1));
            assert_eq!(all.records(&OTHER, 1, Level::ReadOnly), None);
        }
    }

    #[test]
    fn scopes() {
        let whole = key(Levels::ALL, Scope::Project);
        assert!(whole.require_project().is_ok() && whole.describes(&MINE, 3));
        let limited = key(Levels::ALL, some());
        assert!(limited.require_project().is_err());
        assert_eq!(limited.reach(&MINE, 3), None);
        assert!(limited.require_whole(limited.reach(&MINE, 1).unwrap()).is_ok());
        let names = limited.records(&MINE, 2, Level::ReadWrite).unwrap();
        assert!(limited.require_whole(names).is_err());
        assert!(
            limited.require_namespace(names, "a").is_ok() && limited.require_namespace(names, "").is_ok()
        );
        assert!(limited.require_namespace(names, "b").unwrap_err().message.contains("namespace \"b\""));
        let nothing = key(Levels::ALL, Scope::Indexes(BTreeMap::new()));
        assert_eq!(nothing.reach(&MINE, 1), None);
    }
}
