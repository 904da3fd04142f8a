//! The access that the roles of a person add up to, in the project that they act in.

use super::level::Levels;
use super::principal::{Admin, Kind, Principal, ProjectId};
use super::role::{OrgRole, ProjectRole, Role};
use super::scope::Scope;

/// The project that a session names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// No project is named.
    Nothing,
    /// A project that exists.
    Project(ProjectId),
    /// A project that does not exist.
    Missing,
}

/// Why a person cannot act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAccess {
    /// The person was given no role there. Whether the project exists must not show.
    Nothing,
    /// There is no such project.
    NoProject,
}

impl Principal {
    /// A superuser.
    pub fn superuser(name: String, project: ProjectId) -> Self {
        let admin = Admin { lists_keys: true, keys: true, members: true, projects: true, organisation: true };
        Self::of(Kind::Superuser, name, project, Levels::ALL, admin)
    }

    /// A person with the roles that they were `given`, in this order: on the organisation, or on a project, which is the `default` one
    /// where none is said. A person who names no project acts in the first one, so that a role which is given on another project later
    /// neither moves nor stops anything; an owner of all acts in the default one.
    ///
    /// # Errors
    /// The person was given no role in the project, or there is no such project.
    pub fn person(
        name: &str,
        given: &[(Role, Option<ProjectId>)],
        default: ProjectId,
        named: Named,
    ) -> Result<Self, NoAccess> {
        let is_org = |wanted| given.iter().any(|(role, _)| *role == Role::Org(wanted));
        let owner = is_org(OrgRole::Owner);
        let manager = owner || is_org(OrgRole::Manager);
        let on: Vec<(ProjectRole, ProjectId)> = given
            .iter()
            .filter_map(|(role, project)| match role {
                Role::Project(role) => Some((*role, project.unwrap_or(default))),
                Role::Org(_) => None,
            })
            .collect();
        let project = match named {
            Named::Project(project) => project,
            Named::Missing if owner => return Err(NoAccess::NoProject),
            Named::Missing => return Err(NoAccess::Nothing),
            Named::Nothing => match on.first() {
                Some((_, first)) if !owner => *first,
                _ => default,
            },
        };
        let here: Vec<ProjectRole> =
            on.into_iter().filter(|(_, other)| *other == project).map(|(role, _)| role).collect();
        if here.is_empty() && !manager {
            return Err(NoAccess::Nothing);
        }
        let has = |role| here.contains(&role);
        let levels = if owner {
            Levels::ALL
        } else {
            here.iter().fold(Levels::default(), |levels, role| levels.union(role.levels()))
        };
        let keys = owner || has(ProjectRole::Owner) || has(ProjectRole::Manager);
        let admin = Admin {
            lists_keys: keys || has(ProjectRole::Member),
            keys,
            members: manager || has(ProjectRole::Owner),
            projects: manager,
            organisation: owner,
        };
        Ok(Self::of(Kind::Person, name.to_owned(), project, levels, admin))
    }

    /// A principal that is limited to no indexes and does not expire.
    fn of(kind: Kind, name: String, project: ProjectId, levels: Levels, admin: Admin) -> Self {
        Self { kind, name, project, levels, scope: Scope::Project, admin, expires: None }
    }
}

#[cfg(test)]
mod tests {
    use super::super::level::Level;
    use super::*;

    const DEFAULT: ProjectId = [0; 16];
    const MINE: ProjectId = [1; 16];
    const OTHER: ProjectId = [2; 16];
    const RW: Level = Level::ReadWrite;
    const RO: Level = Level::ReadOnly;
    const NO: Level = Level::None;

    fn given(roles: &[(&str, Option<ProjectId>)]) -> Vec<(Role, Option<ProjectId>)> {
        roles.iter().map(|(name, project)| (Role::from_name(name).unwrap(), *project)).collect()
    }

    fn person(roles: &[(&str, Option<ProjectId>)], named: Named) -> Result<Principal, NoAccess> {
        Principal::person("ann", &given(roles), DEFAULT, named)
    }

    /// Levels on the control and the data plane, and what may be administered: keys (`l`isted or `k`ept), `m`embers,
    /// `p`rojects, the `o`rganisation.
    #[test]
    fn each_role_alone() {
        let table = [
            ("OrgOwner", RW, RW, "lkmpo"),
            ("OrgManager", NO, NO, "mp"),
            ("ProjectOwner", RW, RW, "lkm"),
            ("ProjectManager", RW, RW, "lk"),
            ("ProjectMember", RO, RO, "l"),
            ("ProjectEditor", RW, RW, ""),
            ("ProjectViewer", RO, RO, ""),
            ("ControlPlaneEditor", RW, NO, ""),
            ("ControlPlaneViewer", RO, NO, ""),
            ("DataPlaneEditor", NO, RW, ""),
            ("DataPlaneViewer", NO, RO, ""),
        ];
        for (role, control, data, administers) in table {
            let project = (!role.starts_with("Org")).then_some(MINE);
            let ann = person(&[(role, project)], Named::Project(MINE)).unwrap();
            let may = |letter| administers.contains(letter);
            let admin = Admin {
                lists_keys: may('l'),
                keys: may('k'),
                members: may('m'),
                projects: may('p'),
                organisation: may('o'),
            };
            assert_eq!((ann.levels, ann.admin), (Levels { control, data }, admin), "{role}");
            assert_eq!((ann.kind, ann.project, &*ann.name), (Kind::Person, MINE, "ann"));
            assert!(ann.scope.is_project() && ann.expires.is_none());
        }
        for role in ["OrgMember", "OrgBillingAdmin"] {
            assert_eq!(person(&[(role, None)], Named::Nothing), Err(NoAccess::Nothing), "{role}");
        }
        assert_eq!(person(&[], Named::Nothing), Err(NoAccess::Nothing));
    }

    #[test]
    fn roles_add_up_within_a_project() {
        let roles = [
            ("ControlPlaneViewer", Some(MINE)),
            ("DataPlaneEditor", Some(MINE)),
            ("ProjectOwner", Some(OTHER)),
            ("OrgMember", None),
        ];
        let here = person(&roles, Named::Project(MINE)).unwrap();
        assert_eq!((here.levels, here.admin), (Levels { control: RO, data: RW }, Admin::default()));
        assert!(person(&roles, Named::Project(OTHER)).unwrap().admin.members);
        assert_eq!(person(&roles, Named::Project(DEFAULT)), Err(NoAccess::Nothing));
        let managed = person(&[("OrgManager", None), ("DataPlaneViewer", Some(MINE))], Named::Project(MINE));
        let managed = managed.unwrap();
        assert_eq!(managed.levels, Levels { control: NO, data: RO });
        assert!(managed.admin.projects && !managed.admin.keys);
    }

    #[test]
    fn the_project_that_is_meant() {
        type Roles<'a> = &'a [(&'a str, Option<ProjectId>)];
        let table: [(Roles<'_>, Named, Result<ProjectId, NoAccess>); 13] = [
            (&[("ProjectViewer", Some(MINE))], Named::Nothing, Ok(MINE)),
            (&[("ProjectViewer", Some(MINE)), ("DataPlaneEditor", Some(MINE))], Named::Nothing, Ok(MINE)),
            (&[("ProjectViewer", Some(MINE)), ("OrgMember", None)], Named::Nothing, Ok(MINE)),
            (&[("ProjectViewer", Some(MINE)), ("ProjectOwner", Some(OTHER))], Named::Nothing, Ok(MINE)),
            (&[("ProjectOwner", Some(OTHER)), ("ProjectViewer", Some(MINE))], Named::Nothing, Ok(OTHER)),
            (&[("ProjectViewer", Some(MINE)), ("ProjectViewer", None)], Named::Nothing, Ok(MINE)),
            (&[("OrgManager", None), ("ProjectViewer", Some(MINE))], Named::Nothing, Ok(MINE)),
            (&[("ProjectViewer", None)], Named::Nothing, Ok(DEFAULT)),
            (&[("ProjectViewer", Some(MINE)), ("OrgOwner", None)], Named::Nothing, Ok(DEFAULT)),
            (&[("OrgOwner", None)], Named::Missing, Err(NoAccess::NoProject)),
            (&[("OrgManager", None)], Named::Missing, Err(NoAccess::Nothing)),
            (&[("ProjectOwner", Some(MINE))], Named::Missing, Err(NoAccess::Nothing)),
            (&[("ProjectOwner", Some(MINE))], Named::Project(OTHER), Err(NoAccess::Nothing)),
        ];
        for (roles, named, wanted) in table {
            assert_eq!(person(roles, named).map(|ann| ann.project), wanted, "{roles:?} {named:?}");
        }
    }

    #[test]
    fn superusers() {
        let root = Principal::superuser("root".into(), MINE);
        assert_eq!((root.kind, root.project, root.levels), (Kind::Superuser, MINE, Levels::ALL));
        assert!(root.admin.organisation && root.admin.keys && root.scope.is_project());
    }
}
