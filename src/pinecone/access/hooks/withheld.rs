//! Functions of the server that PUBLIC may call, and that sessions of keys may not. `tests/pinecone/access/test_functions_of_the_server.py`
//! goes through the server's catalog for such functions, and so finds those of a new major that are not here.

use pgrx::pg_sys;

/// Functions that make large objects, which a key would own, or write to the WAL of all databases; and those that show locks: those of
/// serializable transactions, each session's to all, are of rows that were read, policies or not, and who waits for whom tells of rows as well.
/// And functions that lock what they are told until the transaction ends, without asking whether the caller has anything on it: the table of locks is
/// one for the whole server. Where it is full, nobody can log in; and a locked table's index can be neither changed nor deleted.
pub const NOT_FOR_KEYS: [u32; 45] = [
    pg_sys::F_PG_LOCK_STATUS,
    pg_sys::F_PG_BLOCKING_PIDS,
    pg_sys::F_PG_SAFE_SNAPSHOT_BLOCKING_PIDS,
    pg_sys::F_PG_ISOLATION_TEST_SESSION_IS_BLOCKED,
    pg_sys::F_LO_CREATE,
    pg_sys::F_LO_CREAT,
    pg_sys::F_LO_FROM_BYTEA,
    // pg_logical_emit_message: it has more arguments from 17 on, and pgrx's constants other names.
    3577,
    3578,
    // A file each, until the transaction ends.
    pg_sys::F_PG_EXPORT_SNAPSHOT,
    pg_sys::F_PG_ADVISORY_LOCK_INT8,
    pg_sys::F_PG_ADVISORY_LOCK_INT4_INT4,
    pg_sys::F_PG_ADVISORY_LOCK_SHARED_INT8,
    pg_sys::F_PG_ADVISORY_LOCK_SHARED_INT4_INT4,
    pg_sys::F_PG_ADVISORY_XACT_LOCK_INT8,
    pg_sys::F_PG_ADVISORY_XACT_LOCK_INT4_INT4,
    pg_sys::F_PG_ADVISORY_XACT_LOCK_SHARED_INT8,
    pg_sys::F_PG_ADVISORY_XACT_LOCK_SHARED_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_INT8,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_SHARED_INT8,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_SHARED_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_XACT_LOCK_INT8,
    pg_sys::F_PG_TRY_ADVISORY_XACT_LOCK_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_XACT_LOCK_SHARED_INT8,
    pg_sys::F_PG_TRY_ADVISORY_XACT_LOCK_SHARED_INT4_INT4,
    // Any object of the database or the cluster: a type, a function, a role.
    pg_sys::F_PG_GET_OBJECT_ADDRESS,
    // What a view, a rule or a function reads.
    1573, // pg_get_ruledef(oid)
    pg_sys::F_PG_GET_RULEDEF_OID_BOOL,
    pg_sys::F_PG_GET_VIEWDEF_TEXT,
    1641, // pg_get_viewdef(oid)
    pg_sys::F_PG_GET_VIEWDEF_TEXT_BOOL,
    pg_sys::F_PG_GET_VIEWDEF_OID_BOOL,
    pg_sys::F_PG_GET_VIEWDEF_OID_INT4,
    pg_sys::F_PG_GET_FUNCTIONDEF,
    pg_sys::F_PG_GET_FUNCTION_SQLBODY,
    pg_sys::F_FMGR_SQL_VALIDATOR,
    // A table, or all tables.
    pg_sys::F_PG_GET_PARTITION_CONSTRAINTDEF,
    pg_sys::F_PG_PARTITION_TREE,
    pg_sys::F_TABLE_TO_XMLSCHEMA,
    pg_sys::F_TABLE_TO_XML_AND_XMLSCHEMA,
    pg_sys::F_SCHEMA_TO_XMLSCHEMA,
    pg_sys::F_SCHEMA_TO_XML_AND_XMLSCHEMA,
    pg_sys::F_DATABASE_TO_XMLSCHEMA,
    pg_sys::F_DATABASE_TO_XML_AND_XMLSCHEMA,
];

/// Functions of a sequence, which lock whatever relation they are given before they ask for a privilege, and keep the lock when that is refused and the
/// refusal rolled back to a savepoint (`sequences.rs`).
pub const OF_SEQUENCES: [u32; 6] = [
    pg_sys::F_NEXTVAL,
    pg_sys::F_CURRVAL,
    pg_sys::F_SETVAL_REGCLASS_INT8,
    pg_sys::F_SETVAL_REGCLASS_INT8_BOOL,
    pg_sys::F_PG_SEQUENCE_LAST_VALUE,
    6427, // pg_get_sequence_data, from 18 on
];

/// Functions that reach other sessions of the same role, leave state of the session to the next tenant, or show the state that
/// the last tenant has left: clients prepare statements without a command that could be refused.
pub const NOT_FOR_POOLED: [u32; 4] = [
    pg_sys::F_PG_NOTIFY,
    pg_sys::F_PG_PREPARED_STATEMENT,
    pg_sys::F_PG_TERMINATE_BACKEND,
    pg_sys::F_PG_CANCEL_BACKEND,
];

/// All counters of the server but those of its sessions and of replication, and all sizes. They are of whole tables, or of the whole database or server:
/// of rows and pages that scans have read, policies or not, of rows that others have written, of the files that statements needed. How often a statement
/// was planned anew, and which index was last used, tells of the estimates; currtid2() follows a hidden row to its new place.
pub const COUNTERS: [u32; 111] = [
    pg_sys::F_CURRTID2,
    pg_sys::F_PG_DATABASE_SIZE_NAME,
    pg_sys::F_PG_INDEXES_SIZE,
    pg_sys::F_PG_PREPARED_STATEMENT,
    pg_sys::F_PG_RELATION_SIZE_REGCLASS,
    pg_sys::F_PG_RELATION_SIZE_REGCLASS_TEXT,
    pg_sys::F_PG_STAT_GET_ANALYZE_COUNT,
    pg_sys::F_PG_STAT_GET_AUTOANALYZE_COUNT,
    pg_sys::F_PG_STAT_GET_AUTOVACUUM_COUNT,
    pg_sys::F_PG_STAT_GET_BGWRITER_BUF_WRITTEN_CLEAN,
    pg_sys::F_PG_STAT_GET_BGWRITER_MAXWRITTEN_CLEAN,
    pg_sys::F_PG_STAT_GET_BGWRITER_STAT_RESET_TIME,
    pg_sys::F_PG_STAT_GET_BLOCKS_FETCHED,
    pg_sys::F_PG_STAT_GET_BLOCKS_HIT,
    pg_sys::F_PG_STAT_GET_BUF_ALLOC,
    pg_sys::F_PG_STAT_GET_DB_ACTIVE_TIME,
    pg_sys::F_PG_STAT_GET_DB_BLK_READ_TIME,
    pg_sys::F_PG_STAT_GET_DB_BLK_WRITE_TIME,
    pg_sys::F_PG_STAT_GET_DB_BLOCKS_FETCHED,
    pg_sys::F_PG_STAT_GET_DB_BLOCKS_HIT,
    pg_sys::F_PG_STAT_GET_DB_CHECKSUM_FAILURES,
    pg_sys::F_PG_STAT_GET_DB_CHECKSUM_LAST_FAILURE,
    pg_sys::F_PG_STAT_GET_DB_CONFLICT_ALL,
    pg_sys::F_PG_STAT_GET_DB_CONFLICT_BUFFERPIN,
    pg_sys::F_PG_STAT_GET_DB_CONFLICT_LOCK,
    pg_sys::F_PG_STAT_GET_DB_CONFLICT_SNAPSHOT,
    pg_sys::F_PG_STAT_GET_DB_CONFLICT_STARTUP_DEADLOCK,
    pg_sys::F_PG_STAT_GET_DB_CONFLICT_TABLESPACE,
    pg_sys::F_PG_STAT_GET_DB_DEADLOCKS,
    pg_sys::F_PG_STAT_GET_DB_IDLE_IN_TRANSACTION_TIME,
    pg_sys::F_PG_STAT_GET_DB_NUMBACKENDS,
    pg_sys::F_PG_STAT_GET_DB_SESSIONS,
    pg_sys::F_PG_STAT_GET_DB_SESSIONS_ABANDONED,
    pg_sys::F_PG_STAT_GET_DB_SESSIONS_FATAL,
    pg_sys::F_PG_STAT_GET_DB_SESSIONS_KILLED,
    pg_sys::F_PG_STAT_GET_DB_SESSION_TIME,
    pg_sys::F_PG_STAT_GET_DB_STAT_RESET_TIME,
    pg_sys::F_PG_STAT_GET_DB_TEMP_BYTES,
    pg_sys::F_PG_STAT_GET_DB_TEMP_FILES,
    pg_sys::F_PG_STAT_GET_DB_TUPLES_DELETED,
    pg_sys::F_PG_STAT_GET_DB_TUPLES_FETCHED,
    pg_sys::F_PG_STAT_GET_DB_TUPLES_INSERTED,
    pg_sys::F_PG_STAT_GET_DB_TUPLES_RETURNED,
    pg_sys::F_PG_STAT_GET_DB_TUPLES_UPDATED,
    pg_sys::F_PG_STAT_GET_DB_XACT_COMMIT,
    pg_sys::F_PG_STAT_GET_DB_XACT_ROLLBACK,
    pg_sys::F_PG_STAT_GET_DEAD_TUPLES,
    pg_sys::F_PG_STAT_GET_FUNCTION_CALLS,
    pg_sys::F_PG_STAT_GET_FUNCTION_SELF_TIME,
    pg_sys::F_PG_STAT_GET_FUNCTION_TOTAL_TIME,
    pg_sys::F_PG_STAT_GET_INS_SINCE_VACUUM,
    pg_sys::F_PG_STAT_GET_LAST_ANALYZE_TIME,
    pg_sys::F_PG_STAT_GET_LAST_AUTOANALYZE_TIME,
    pg_sys::F_PG_STAT_GET_LAST_AUTOVACUUM_TIME,
    pg_sys::F_PG_STAT_GET_LAST_VACUUM_TIME,
    pg_sys::F_PG_STAT_GET_LIVE_TUPLES,
    pg_sys::F_PG_STAT_GET_MOD_SINCE_ANALYZE,
    pg_sys::F_PG_STAT_GET_NUMSCANS,
    pg_sys::F_PG_STAT_GET_PROGRESS_INFO,
    pg_sys::F_PG_STAT_GET_SLRU,
    pg_sys::F_PG_STAT_GET_TUPLES_DELETED,
    pg_sys::F_PG_STAT_GET_TUPLES_FETCHED,
    pg_sys::F_PG_STAT_GET_TUPLES_HOT_UPDATED,
    pg_sys::F_PG_STAT_GET_TUPLES_INSERTED,
    pg_sys::F_PG_STAT_GET_TUPLES_RETURNED,
    pg_sys::F_PG_STAT_GET_TUPLES_UPDATED,
    pg_sys::F_PG_STAT_GET_VACUUM_COUNT,
    pg_sys::F_PG_STAT_GET_WAL,
    pg_sys::F_PG_STAT_GET_XACT_BLOCKS_FETCHED,
    pg_sys::F_PG_STAT_GET_XACT_BLOCKS_HIT,
    pg_sys::F_PG_STAT_GET_XACT_FUNCTION_CALLS,
    pg_sys::F_PG_STAT_GET_XACT_FUNCTION_SELF_TIME,
    pg_sys::F_PG_STAT_GET_XACT_FUNCTION_TOTAL_TIME,
    pg_sys::F_PG_STAT_GET_XACT_NUMSCANS,
    pg_sys::F_PG_STAT_GET_XACT_TUPLES_DELETED,
    pg_sys::F_PG_STAT_GET_XACT_TUPLES_FETCHED,
    pg_sys::F_PG_STAT_GET_XACT_TUPLES_HOT_UPDATED,
    pg_sys::F_PG_STAT_GET_XACT_TUPLES_INSERTED,
    pg_sys::F_PG_STAT_GET_XACT_TUPLES_RETURNED,
    pg_sys::F_PG_STAT_GET_XACT_TUPLES_UPDATED,
    pg_sys::F_PG_TABLESPACE_SIZE_NAME,
    pg_sys::F_PG_TABLE_SIZE,
    pg_sys::F_PG_TOTAL_RELATION_SIZE,
    // pg_database_size(oid) and pg_tablespace_size(oid), whose names the constants do not have in all majors.
    2324,
    2322,
    // pg_stat_get_backend_io, pg_stat_get_backend_wal, pg_stat_get_checkpointer_num_performed,
    // pg_stat_get_checkpointer_slru_written, pg_stat_get_db_parallel_workers_launched,
    // pg_stat_get_db_parallel_workers_to_launch, pg_stat_get_total_analyze_time,
    // pg_stat_get_total_autoanalyze_time, pg_stat_get_total_autovacuum_time,
    // pg_stat_get_total_vacuum_time
    6386,
    6313,
    6377,
    6366,
    6356,
    6355,
    6360,
    6361,
    6359,
    6358,
    // pg_stat_get_buf_fsync_backend, pg_stat_get_buf_written_backend
    3063,
    2775,
    // pg_stat_get_checkpointer_buffers_written, pg_stat_get_checkpointer_num_requested,
    // pg_stat_get_checkpointer_num_timed, pg_stat_get_checkpointer_sync_time,
    // pg_stat_get_checkpointer_write_time
    2771,
    2770,
    2769,
    3161,
    3160,
    // pg_stat_get_checkpointer_restartpoints_performed,
    // pg_stat_get_checkpointer_restartpoints_requested, pg_stat_get_checkpointer_restartpoints_timed,
    // pg_stat_get_checkpointer_stat_reset_time
    6329,
    6328,
    6327,
    6314,
    // pg_stat_get_db_conflict_logicalslot, pg_stat_get_io, pg_stat_get_lastscan,
    // pg_stat_get_tuples_newpage_updated, pg_stat_get_xact_tuples_newpage_updated
    6309,
    6214,
    6310,
    6217,
    6218,
];

/// Positions of the log, which are to the byte: read before and after, they tell of the size of what others have written. A pool without a key may read
/// them, as the gateway's does to say what a client has read and written.
pub const POSITIONS: [u32; 6] = [
    pg_sys::F_PG_CURRENT_WAL_LSN,
    pg_sys::F_PG_CURRENT_WAL_INSERT_LSN,
    pg_sys::F_PG_CURRENT_WAL_FLUSH_LSN,
    pg_sys::F_PG_LAST_WAL_RECEIVE_LSN,
    pg_sys::F_PG_LAST_WAL_REPLAY_LSN,
    pg_sys::F_PG_CONTROL_CHECKPOINT,
];

/// Libraries that look into tables, indexes and the server's memory, or count what statements do, beside those that are preloaded.
pub const OBSERVERS: [&str; 14] = [
    "pg_stat_statements",
    "pg_stat_kcache",
    "pg_stat_monitor",
    "pg_qualstats",
    "pg_store_plans",
    "pg_wait_sampling",
    "pageinspect",
    "pgstattuple",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_prewarm",
    "pg_visibility",
    "pg_walinspect",
    "pgrowlocks",
];
