//! Pinecone's role names, for keys and for people.

use super::level::{Level, Levels};
use crate::fault::state::INVALID_PARAMETER_VALUE;
use crate::fault::{Fault, Result, quoted};

/// A role on a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectRole {
    /// Everything in the project, its keys and members.
    Owner,
    /// Everything in the project, and its keys.
    Manager,
    /// Reads everything, and sees the list of keys.
    Member,
    /// One of the roles that keys can have, too.
    Plain(Levels),
}

/// A role on the organisation, which is the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrgRole {
    /// Everything.
    Owner,
    /// Projects and their members, but no records.
    Manager,
    /// Belongs to the organisation.
    Member,
    /// Belongs to the organisation; there are no bills here.
    BillingAdmin,
}

/// A role that a person can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// On the whole database.
    Org(OrgRole),
    /// On one project.
    Project(ProjectRole),
}

const RW: Level = Level::ReadWrite;
const RO: Level = Level::ReadOnly;
const NO: Level = Level::None;

/// The roles that a key can have.
const PLAIN: [(&str, Levels); 6] = [
    ("ProjectEditor", Levels::ALL),
    ("ProjectViewer", Levels { control: RO, data: RO }),
    ("ControlPlaneEditor", Levels { control: RW, data: NO }),
    ("ControlPlaneViewer", Levels { control: RO, data: NO }),
    ("DataPlaneEditor", Levels { control: NO, data: RW }),
    ("DataPlaneViewer", Levels { control: NO, data: RO }),
];

/// The roles that only people can have.
const PEOPLE: [(&str, Role); 7] = [
    ("ProjectOwner", Role::Project(ProjectRole::Owner)),
    ("ProjectManager", Role::Project(ProjectRole::Manager)),
    ("ProjectMember", Role::Project(ProjectRole::Member)),
    ("OrgOwner", Role::Org(OrgRole::Owner)),
    ("OrgManager", Role::Org(OrgRole::Manager)),
    ("OrgMember", Role::Org(OrgRole::Member)),
    ("OrgBillingAdmin", Role::Org(OrgRole::BillingAdmin)),
];

impl ProjectRole {
    /// The role's levels of access to indexes and records.
    pub fn levels(self) -> Levels {
        match self {
            Self::Owner | Self::Manager => Levels::ALL,
            Self::Member => Levels { control: RO, data: RO },
            Self::Plain(levels) => levels,
        }
    }
}

impl Role {
    /// The role of a name, spelt as Pinecone spells it.
    ///
    /// # Errors
    /// 22023 if there is no such role.
    pub fn from_name(name: &str) -> Result<Self> {
        let plain = PLAIN.iter().map(|(other, levels)| (*other, Self::Project(ProjectRole::Plain(*levels))));
        plain.chain(PEOPLE).find(|(other, _)| *other == name).map(|(_, role)| role).ok_or_else(|| {
            let names: Vec<&str> =
                PEOPLE.iter().map(|(name, _)| *name).chain(PLAIN.iter().map(|(name, _)| *name)).collect();
            Fault::new(INVALID_PARAMETER_VALUE, format!("role {} does not exist", quoted(name)))
                .hint(format!("Roles are {}.", names.join(", ")))
        })
    }
}

/// The levels that the roles of a key allow together; without roles, none.
///
/// # Errors
/// 22023 for a name that is no role, or is a role for people only.
pub fn key_levels<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Levels> {
    names.into_iter().try_fold(Levels::default(), |levels, name| match Role::from_name(name)? {
        Role::Project(ProjectRole::Plain(more)) => Ok(levels.union(more)),
        _ => Err(Fault::new(INVALID_PARAMETER_VALUE, format!("role {} is not for API keys", quoted(name)))
            .hint(
                "API keys can have ProjectEditor, ProjectViewer, ControlPlaneEditor, ControlPlaneViewer, \
                   DataPlaneEditor and DataPlaneViewer.",
            )),
    })
}

/// The permissions that a caller of `pc_create_api_key` or `pc_update_api_key` asks for.
#[derive(Debug, Clone, Default)]
pub struct Wish<'a> {
    /// The console's `All`.
    pub general: Option<&'a str>,
    /// The console's word for the control plane.
    pub control_plane: Option<&'a str>,
    /// The console's word for the data plane.
    pub data_plane: Option<&'a str>,
    /// Names of the API.
    pub roles: Option<Vec<&'a str>>,
}

impl Wish<'_> {
    /// The levels asked for; none if no argument was given. If one plane is named and the other is not, the other gets the
    /// level None.
    ///
    /// # Errors
    /// 22023 for unknown words, or for more than one way of naming permissions.
    pub fn levels(&self) -> Result<Option<Levels>> {
        let planes = self.control_plane.is_some() || self.data_plane.is_some();
        let ways = [self.general.is_some(), planes, self.roles.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            let message = "only one of general, roles, and control_plane with data_plane may be given";
            return Err(Fault::new(INVALID_PARAMETER_VALUE, message));
        }
        if let Some(general) = self.general {
            if !general.eq_ignore_ascii_case("All") {
                let message = format!("general {} is not All", quoted(general));
                return Err(Fault::new(INVALID_PARAMETER_VALUE, message)
                    .hint("Levels of the two planes are named by control_plane and data_plane."));
            }
            return Ok(Some(Levels::ALL));
        }
        if planes {
            let level = |word: Option<&str>, argument| {
                word.map_or(Ok(Level::None), |word| Level::from_name(word, argument))
            };
            return Ok(Some(Levels {
                control: level(self.control_plane, "control_plane")?,
                data: level(self.data_plane, "data_plane")?,
            }));
        }
        self.roles.as_ref().map(|names| key_levels(names.iter().copied())).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_add_up() {
        assert_eq!(key_levels([]), Ok(Levels::default()));
        assert_eq!(
            key_levels(["ControlPlaneViewer", "DataPlaneEditor"]),
            Ok(Levels { control: RO, data: RW })
        );
        assert_eq!(key_levels(["ProjectViewer", "ControlPlaneEditor"]), Ok(Levels { control: RW, data: RO }));
        assert_eq!(key_levels(["ProjectEditor"]), Ok(Levels::ALL));
        assert!(key_levels(["ProjectOwner"]).unwrap_err().message.contains("is not for API keys"));
        assert!(key_levels(["projecteditor"]).unwrap_err().message.contains("does not exist"));
    }

    #[test]
    fn wishes() {
        let wish = |general, control_plane, data_plane, roles| {
            Wish { general, control_plane, data_plane, roles }.levels()
        };
        assert_eq!(wish(None, None, None, None), Ok(None));
        assert_eq!(wish(Some("all"), None, None, None), Ok(Some(Levels::ALL)));
        assert_eq!(wish(None, Some("ReadOnly"), None, None), Ok(Some(Levels { control: RO, data: NO })));
        assert_eq!(wish(None, None, Some("readwrite"), None), Ok(Some(Levels { control: NO, data: RW })));
        assert_eq!(wish(None, None, None, Some(vec![])), Ok(Some(Levels::default())));
        assert!(wish(Some("All"), Some("None"), None, None).is_err());
        assert!(wish(None, Some("None"), None, Some(vec![])).is_err());
        assert!(wish(Some("None"), None, None, None).is_err());
    }

    #[test]
    fn people() {
        for (name, role) in PEOPLE {
            assert_eq!(Role::from_name(name), Ok(role));
        }
        assert_eq!(ProjectRole::Member.levels(), Levels { control: RO, data: RO });
        assert_eq!(ProjectRole::Owner.levels(), Levels::ALL);
        assert!(Role::from_name("Admin").unwrap_err().hint.unwrap().contains("OrgOwner"));
    }
}
