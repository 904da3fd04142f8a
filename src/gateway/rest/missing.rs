//! Operations of Pinecone's that Conifer has no function for yet. They are refused with a 4xx: an SDK would send a request again after
//! a 501.

/// Paths, where `*` is any one segment and `**` all that are left; and what they are of.
pub const MISSING: [(&str, &str); 22] = [
    ("indexes/create-for-model", "indexes with integrated embedding"),
    ("indexes/*/backups", "backups"),
    ("indexes/*/backup-schedules", "backup schedules"),
    ("backup-schedules/**", "backup schedules"),
    ("backups", "backups"),
    ("backups/**", "backups"),
    ("restore-jobs", "restore jobs"),
    ("restore-jobs/**", "restore jobs"),
    ("collections", "collections"),
    ("collections/**", "collections"),
    ("embed", "embedding models"),
    ("rerank", "reranking models"),
    ("models", "models"),
    ("models/**", "models"),
    ("assistant/**", "assistants"),
    ("admin/**", "projects and API keys over HTTP (in SQL there is pc_create_api_key)"),
    ("bulk/imports", "imports"),
    ("bulk/imports/**", "imports"),
    ("records/namespaces/*/upsert", "records with integrated embedding"),
    ("namespaces/*/documents/*", "documents"),
    ("namespace-aliases", "namespace aliases"),
    ("namespace-aliases/**", "namespace aliases"),
];

/// What a path is of, if it is one of these.
pub fn what(segments: &[&str]) -> Option<&'static str> {
    MISSING.iter().find(|(path, _)| matches(path, segments)).map(|(_, what)| *what)
}

fn matches(path: &str, mut segments: &[&str]) -> bool {
    for part in path.split('/') {
        if part == "**" {
            return !segments.is_empty();
        }
        match segments.split_first() {
            Some((first, rest)) if part == "*" || part == *first => segments = rest,
            _ => return false,
        }
    }
    segments.is_empty()
}

#[cfg(test)]
mod tests {
    use super::what;

    #[test]
    fn paths() {
        assert_eq!(what(&["indexes", "films", "backups"]), Some("backups"));
        assert_eq!(what(&["backups", "1", "create-index"]), Some("backups"));
        assert_eq!(what(&["namespaces", "a", "documents", "search"]), Some("documents"));
        assert_eq!(what(&["indexes", "films"]), None);
        assert_eq!(what(&["assistant"]), None);
        assert_eq!(what(&["backups"]), Some("backups"));
        assert_eq!(what(&[]), None);
    }
}
