"""What our extension `vector` makes against what pgvector's makes in a server of the same kind: every object, and the catalog rows."""

import pytest

pytestmark = pytest.mark.peer

# Types of leading columns, beside integers.
KEYS = (
    "text", "uuid", "bool", "oid", "char", "name", "bytea", "enum", "date", "time", "timestamp", "timestamptz", "inet", "numeric",
    "bpchar",
)

# What ours has beyond pgvector's. Nothing else may be there, and of pgvector's nothing may be missing.
ADDED = {
    "function hnsw_check(regclass,boolean)",
    "function hnsw_recall(regclass,anyarray,integer)",
    "function hnsw_size(regclass)",
    "function hnsw_stats(regclass)",
    "access method inverted",
    "function inverted_check(regclass)",
    "function inverted_stats(regclass)",
    "function invertedhandler(internal)",
    "operator class sparsevec_ip_ops for access method inverted",
    "operator family sparsevec_ip_ops for access method inverted",
    *(f"operator family integer_ops for access method {method}" for method in ("hnsw", "inverted")),
    *(f"operator class {name}_ops for access method {method}" for name in ("int2", "int4", "int8", *KEYS) for method in ("hnsw", "inverted")),
    *(f"operator family {name}_ops for access method {method}" for name in KEYS for method in ("hnsw", "inverted")),
}

MEMBERS = """SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'vector'"""

# How many there are by the contract: 114 functions and 4 aggregates; 3 types and their arrays; a family for each class.
CONTRACT = {
    "pg_proc": 118, "pg_operator": 40, "pg_cast": 23, "pg_type": 3, "pg_am": 2, "pg_opclass": 24, "pg_opfamily": 24,
}
COUNTS = """SELECT classid::regclass::text, count(*) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    LEFT JOIN pg_type t ON classid = 'pg_type'::regclass AND t.oid = objid
    WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'vector' AND coalesce(typelem, 0) = 0 GROUP BY 1"""


def of_vector(catalog):
    """The rows of a catalog that belong to the extension, without those of ours that are added."""
    added = ", ".join(f"'{name}'" for name in sorted(ADDED))
    return f"""{catalog} x JOIN pg_depend d ON d.objid = x.oid AND d.classid = '{catalog}'::regclass AND d.deptype = 'e'
        AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector')
        AND pg_describe_object(d.classid, d.objid, 0) NOT IN ({added})"""


CATALOG = {
    "pg_type": f"""SELECT typname, typlen, typbyval, typtype, typcategory, typispreferred, typisdefined, typdelim, typsubscript::text,
        typinput::text, typoutput::text, typreceive::text, typsend::text, typmodin::text, typmodout::text, typanalyze::text,
        typalign, typstorage, typnotnull, typndims, typcollation, typdefault, typelem::regtype::text, typarray::regtype::text
        FROM pg_type WHERE ltrim(typname, '_') IN ('vector', 'halfvec', 'sparsevec') ORDER BY 1""",
    "pg_proc": f"""SELECT x.oid::regprocedure::text, prorettype::regtype::text, prolang, procost, prorows, provariadic, prosupport::text, prokind,
        prosecdef, proleakproof, proisstrict, proretset, provolatile, proparallel, pronargs, pronargdefaults, proargnames, proconfig
        FROM {of_vector("pg_proc")} ORDER BY 1""",
    "pg_operator": f"""SELECT x.oid::regoperator::text, oprkind, oprcanmerge, oprcanhash, oprresult::regtype::text, oprcom::regoperator::text,
        oprnegate::regoperator::text, oprcode::regprocedure::text, oprrest::text, oprjoin::text
        FROM {of_vector("pg_operator")} ORDER BY 1""",
    "pg_cast": f"""SELECT castsource::regtype::text, casttarget::regtype::text, castfunc::regprocedure::text, castcontext, castmethod
        FROM {of_vector("pg_cast")} ORDER BY 1, 2""",
    "pg_aggregate": f"""SELECT aggfnoid::text, proargtypes[0]::regtype::text, aggkind, aggnumdirectargs, aggtransfn::text, aggfinalfn::text,
        aggcombinefn::text, aggserialfn::text, aggdeserialfn::text, aggmtransfn::text, aggfinalextra, aggfinalmodify, aggsortop,
        aggtranstype::regtype::text, aggtransspace, agginitval
        FROM {of_vector("pg_proc")} JOIN pg_aggregate ON aggfnoid = x.oid ORDER BY 1, 2""",
    "pg_am": f"SELECT amname, amtype, amhandler::text FROM {of_vector('pg_am')} ORDER BY 1",
    "pg_opclass": f"""SELECT amname, opcname, opcintype::regtype::text, opcdefault, opckeytype,
        (SELECT array_agg((amopstrategy, amoppurpose, amopopr::regoperator, amopsortfamily)::text ORDER BY amopstrategy)
            FROM pg_amop WHERE amopfamily = opcfamily),
        (SELECT array_agg((amprocnum, amproc::regprocedure)::text ORDER BY amprocnum) FROM pg_amproc WHERE amprocfamily = opcfamily)
        FROM {of_vector("pg_opclass")} JOIN pg_am am ON am.oid = opcmethod ORDER BY 1, 2""",
}
ROWS = {"pg_type": 6, "pg_proc": 118, "pg_operator": 40, "pg_cast": 23, "pg_aggregate": 4, "pg_am": 2, "pg_opclass": 24}


def test_members(namesakes):
    """The same objects belong to both, but for those of the list; and as many as the contract counts."""
    ours, theirs = ({name for (name,) in session.execute(MEMBERS)} for session in (namesakes.ours, namesakes.theirs))
    assert theirs - ours == set()
    assert ours - theirs == ADDED
    assert dict(namesakes.theirs.execute(COUNTS).fetchall()) == CONTRACT
    added = {"pg_proc": 7, "pg_am": 1, "pg_opclass": 37, "pg_opfamily": 33}
    counted = dict(namesakes.ours.execute(COUNTS).fetchall())
    assert counted == {name: count + added.get(name, 0) for name, count in CONTRACT.items()}


@pytest.mark.parametrize("catalog", CATALOG)
def test_catalog(namesakes, catalog):
    """The same rows describe them in both."""
    ours, theirs = (session.execute(CATALOG[catalog]).fetchall() for session in (namesakes.ours, namesakes.theirs))
    assert [row for row in ours if row not in theirs] == [] == [row for row in theirs if row not in ours]
    assert len(ours) == ROWS[catalog]


def test_extension(namesakes):
    """The extension can be moved, as pgvector's can, and says whose it is."""
    query = "SELECT extversion, extrelocatable, extconfig, extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
    ours, theirs = (session.execute(query).fetchone() for session in (namesakes.ours, namesakes.theirs))
    assert ours[0] == "0.8.600" and ours[1:] == theirs[1:]
    libraries = f"SELECT DISTINCT probin FROM {of_vector('pg_proc')} WHERE probin IS NOT NULL"
    assert namesakes.ours.execute(libraries).fetchall() == [("$libdir/conifer",)]


def test_indexam_properties(namesakes):
    """Both access methods can what pgvector's can; hnsw has leading columns beside."""
    query = """SELECT amname, p, pg_indexam_has_property(a.oid, p) FROM pg_am a,
        unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) p WHERE amname IN ('hnsw', 'ivfflat')"""
    ours, theirs = (set(session.execute(query).fetchall()) for session in (namesakes.ours, namesakes.theirs))
    assert ours ^ theirs == {("hnsw", "can_multi_col", True), ("hnsw", "can_multi_col", False)}
