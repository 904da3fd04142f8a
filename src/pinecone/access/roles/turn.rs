//! Turns: who may make roles agree with rows, and of which projects. A turn is kept until the transaction ends.
//!
//! A function takes the turn of the project that it changes, so a transaction that is left open keeps nobody waiting in others. What
//! is the organisation's, that is the projects there are, the owners of all and the default role, has a turn, too, which is taken before those of
//! projects. Rows that come in otherwise, by a restore, a subscription or by hand, are of any projects in any order: their
//! transaction takes the turn of all, which excludes every other one.
//!
//! Within a project's turn all that its groups depend on stays as it is: its keys, groups and members, the owners of all projects, who are
//! made in the turns of all, and the default role, which is set in the turns of its old project and of its new one.

use crate::pg::spi::run_now;
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::locks::{self, Purpose};
use crate::pinecone::access::way;
use pgrx::Uuid;

const ALL: &str = "";
const ORGANISATION: &str = "organisation";

/// Takes the turn of all.
pub fn take_all() {
    locks::exclude(Purpose::Turn, ALL);
}

/// Takes the turn of a project.
pub fn take_project(project: Uuid) {
    locks::share(Purpose::Turn, ALL);
    locks::exclude(Purpose::Turn, &project.to_string());
}

/// Takes the turn of the organisation.
pub fn take_organisation() {
    locks::share(Purpose::Turn, ALL);
    locks::exclude(Purpose::Turn, ORGANISATION);
}

/// Takes the turn of a project, or the organisation's, for a revocation.
pub fn make_way(project: Option<Uuid>, what: &str) {
    way::make(Purpose::Turn, ALL, true, what);
    let name = project.map_or_else(|| ORGANISATION.to_owned(), |project| project.to_string());
    way::make(Purpose::Turn, &name, false, what);
}

/// Takes the turns of the organisation and of all projects.
pub fn take_every_project() {
    take_organisation();
    take_projects(projects());
}

/// Takes the turns of projects, in an order that is always the same.
pub fn take_projects(projects: Vec<Uuid>) {
    in_order(projects).into_iter().for_each(take_project);
}

/// Projects in the order in which their turns are taken.
pub fn in_order(mut projects: Vec<Uuid>) -> Vec<Uuid> {
    projects.sort_unstable_by_key(|project| *project.as_bytes());
    projects
}

/// For a row of a project that has come in: the project, if its turn is all that the transaction has; else the turn of all is taken.
pub fn of_row(project: Option<Uuid>) -> Option<Uuid> {
    let has = |name: &str| locks::excludes(Purpose::Turn, name);
    if has(ALL) {
        return None;
    }
    if let Some(project) = project.filter(|project| has(&project.to_string())) {
        return Some(project);
    }
    take_all();
    None
}

/// For a row of the organisation that has come in: whether the transaction has the organisation's turn alone; else the turn of all is taken.
pub fn of_organisation() -> bool {
    let has = |name: &str| locks::excludes(Purpose::Turn, name);
    if !has(ALL) && has(ORGANISATION) {
        return true;
    }
    take_all();
    false
}

/// All projects.
pub fn projects() -> Vec<Uuid> {
    read_as_owner(|| {
        run_now("SELECT project_id FROM pc_auth.project", &[], |rows| rows.each(|row| rows.get(row, 0)))
    })
}
