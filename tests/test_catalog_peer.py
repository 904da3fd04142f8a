"""The catalog rows of the types against pgvector's in the same server; access methods are not looked at."""

import pytest

pytestmark = pytest.mark.peer

TYPES = "('vector', 'halfvec', 'sparsevec')"

CATALOG = {
    "pg_type": f"""SELECT typname, typlen, typbyval, typtype, typcategory, typispreferred, typisdefined, typdelim, typsubscript::text,
        typinput::text, typoutput::text, typreceive::text, typsend::text, typmodin::text, typmodout::text, typanalyze::text,
        typalign, typstorage, typnotnull, typndims, typcollation, typdefault
        FROM pg_type WHERE ltrim(typname, '_') IN {TYPES} ORDER BY 1""",
    "pg_proc": """SELECT p.oid::regprocedure::text, prorettype::regtype::text, prolang, procost, prorows, provariadic, prosupport::text, prokind,
        prosecdef, proleakproof, proisstrict, proretset, provolatile, proparallel, pronargs, pronargdefaults, proconfig
        FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
        JOIN pg_extension e ON e.oid = d.refobjid
        WHERE e.extname IN ('conifer', 'vector') AND proname !~ '^(pc|hnsw|ivfflat)' AND pronamespace::regnamespace::text <> 'pc'
        ORDER BY 1""",
    "pg_operator": """SELECT o.oid::regoperator::text, oprkind, oprcanmerge, oprcanhash, oprresult::regtype::text, oprcom::regoperator::text,
        oprnegate::regoperator::text, oprcode::regprocedure::text, oprrest::text, oprjoin::text
        FROM pg_operator o JOIN pg_depend d ON d.objid = o.oid AND d.classid = 'pg_operator'::regclass AND d.deptype = 'e' ORDER BY 1""",
    "pg_cast": """SELECT castsource::regtype::text, casttarget::regtype::text, castfunc::regprocedure::text, castcontext, castmethod
        FROM pg_cast c JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_cast'::regclass AND d.deptype = 'e' ORDER BY 1, 2""",
    "pg_aggregate": f"""SELECT aggfnoid::text, proargtypes[0]::regtype::text, aggkind, aggnumdirectargs, aggtransfn::text, aggfinalfn::text,
        aggcombinefn::text, aggserialfn::text, aggdeserialfn::text, aggmtransfn::text, aggfinalextra, aggfinalmodify, aggsortop,
        aggtranstype::regtype::text, aggtransspace, agginitval
        FROM pg_aggregate a JOIN pg_proc p ON p.oid = aggfnoid WHERE proargtypes[0]::regtype::text IN {TYPES} ORDER BY 1, 2""",
    "pg_opclass": f"""SELECT amname, opcname, opcintype::regtype::text, opcdefault, opckeytype,
        (SELECT array_agg((amopstrategy, amoppurpose, amopopr::regoperator)::text ORDER BY amopstrategy) FROM pg_amop WHERE amopfamily = opcfamily),
        (SELECT array_agg((amprocnum, amproc::regprocedure)::text ORDER BY amprocnum) FROM pg_amproc WHERE amprocfamily = opcfamily)
        FROM pg_opclass o JOIN pg_am am ON am.oid = opcmethod WHERE opcintype::regtype::text IN {TYPES} AND amname = 'btree' ORDER BY 2""",
}

# What the contract counts; of 114 functions, 7 belong to the access methods, and 4 aggregates join them.
ROWS = {"pg_type": 6, "pg_proc": 107 + 4, "pg_operator": 40, "pg_cast": 23, "pg_aggregate": 4, "pg_opclass": 3}


@pytest.mark.parametrize("catalog", CATALOG)
def test_catalog(peers, catalog):
    """The same rows describe the types in both."""
    ours, theirs = (session.execute(CATALOG[catalog]).fetchall() for session in (peers.ours, peers.theirs))
    assert [row for row in ours if row not in theirs] == [] == [row for row in theirs if row not in ours]
    assert len(ours) == ROWS[catalog]
