-- The catalog rows of `vector` against the contract: each query lists what is missing or too much.
-- Objects of Conifer's own (pc_…) and of other types are not looked at.
CREATE TEMP TABLE of_vector AS
SELECT p.*, p.oid::regprocedure::text AS signature
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT d.refobjid FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = 'vector'::regtype AND d.deptype = 'e')
  AND proname NOT LIKE 'pc\_%' AND pronamespace::regnamespace::text <> 'pc'
  AND ('vector'::regtype = ANY (proargtypes::oid[] || prorettype) OR proname LIKE 'vector%')
  AND NOT EXISTS (SELECT FROM unnest(proargtypes::oid[] || prorettype) t JOIN pg_type ON pg_type.oid = t WHERE typname IN ('halfvec', 'sparsevec'));

CREATE TEMP TABLE contract (signature text, result text);
INSERT INTO contract VALUES
    ('vector_in(cstring,oid,integer)', 'vector'), ('vector_out(vector)', 'cstring'), ('vector_typmod_in(cstring[])', 'integer'),
    ('vector_recv(internal,oid,integer)', 'vector'), ('vector_send(vector)', 'bytea'),
    ('l2_distance(vector,vector)', 'double precision'), ('inner_product(vector,vector)', 'double precision'),
    ('cosine_distance(vector,vector)', 'double precision'), ('l1_distance(vector,vector)', 'double precision'),
    ('vector_dims(vector)', 'integer'), ('vector_norm(vector)', 'double precision'), ('l2_normalize(vector)', 'vector'),
    ('binary_quantize(vector)', 'bit'), ('subvector(vector,integer,integer)', 'vector'),
    ('vector_add(vector,vector)', 'vector'), ('vector_sub(vector,vector)', 'vector'), ('vector_mul(vector,vector)', 'vector'), ('vector_concat(vector,vector)', 'vector'),
    ('vector_lt(vector,vector)', 'boolean'), ('vector_le(vector,vector)', 'boolean'), ('vector_eq(vector,vector)', 'boolean'),
    ('vector_ne(vector,vector)', 'boolean'), ('vector_ge(vector,vector)', 'boolean'), ('vector_gt(vector,vector)', 'boolean'), ('vector_cmp(vector,vector)', 'integer'),
    ('vector_l2_squared_distance(vector,vector)', 'double precision'), ('vector_negative_inner_product(vector,vector)', 'double precision'),
    ('vector_spherical_distance(vector,vector)', 'double precision'),
    ('vector_accum(double precision[],vector)', 'double precision[]'), ('vector_avg(double precision[])', 'vector'),
    ('vector_combine(double precision[],double precision[])', 'double precision[]'),
    ('vector(vector,integer,boolean)', 'vector'), ('array_to_vector(integer[],integer,boolean)', 'vector'), ('array_to_vector(real[],integer,boolean)', 'vector'),
    ('array_to_vector(double precision[],integer,boolean)', 'vector'), ('array_to_vector(numeric[],integer,boolean)', 'vector'),
    ('vector_to_float4(vector,integer,boolean)', 'real[]');

-- functions: 37, all LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
SELECT count(*) FROM contract;
SELECT coalesce(c.signature, f.signature) AS signature, CASE WHEN f.signature IS NULL THEN 'missing' WHEN c.signature IS NULL THEN 'too much' ELSE 'different' END
FROM contract c FULL JOIN (SELECT * FROM of_vector WHERE prokind = 'f') f ON f.signature = c.signature
WHERE (c.result, 'c', 'i', true, 's', false, false, 1, NULL::text[])
    IS DISTINCT FROM (f.prorettype::regtype::text, (SELECT lanname FROM pg_language l WHERE l.oid = prolang), provolatile, proisstrict, proparallel, proretset, prosecdef, procost, proconfig);

-- the type
SELECT typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typalign, typstorage, typelem, typarray::regtype
FROM pg_type WHERE oid = 'vector'::regtype;

-- aggregates
SELECT signature, proparallel, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggtranstype::regtype, agginitval, aggsortop, aggkind
FROM of_vector JOIN pg_aggregate ON aggfnoid = of_vector.oid ORDER BY 1;

-- operators
SELECT count(*) FROM pg_operator WHERE 'vector'::regtype IN (oprleft, oprright);
SELECT coalesce(c.name, o.oprname) AS operator, CASE WHEN o.oid IS NULL THEN 'missing' WHEN c.name IS NULL THEN 'too much' ELSE 'different' END
FROM (VALUES
    ('<->', 'l2_distance', '<->', NULL, NULL), ('<#>', 'vector_negative_inner_product', '<#>', NULL, NULL),
    ('<=>', 'cosine_distance', '<=>', NULL, NULL), ('<+>', 'l1_distance', '<+>', NULL, NULL),
    ('+', 'vector_add', '+', NULL, NULL), ('-', 'vector_sub', NULL, NULL, NULL), ('*', 'vector_mul', '*', NULL, NULL), ('||', 'vector_concat', NULL, NULL, NULL),
    ('<', 'vector_lt', '>', '>=', 'scalarlt'), ('<=', 'vector_le', '>=', '>', 'scalarle'), ('=', 'vector_eq', '=', '<>', 'eq'),
    ('<>', 'vector_ne', '<>', '=', 'eq'), ('>=', 'vector_ge', '<=', '<', 'scalarge'), ('>', 'vector_gt', '<', '<=', 'scalargt')
) c(name, function, commutator, negator, selectivity)
FULL JOIN (SELECT * FROM pg_operator WHERE 'vector'::regtype IN (oprleft, oprright)) o ON o.oprname = c.name AND o.oprleft = o.oprright
WHERE (function || '(vector,vector)', commutator, negator, coalesce(selectivity || 'sel', '-'), coalesce(selectivity || 'joinsel', '-'), false, false)
    IS DISTINCT FROM (oprcode::oid::regprocedure::text, (SELECT x.oprname::text FROM pg_operator x WHERE x.oid = o.oprcom),
        (SELECT x.oprname::text FROM pg_operator x WHERE x.oid = o.oprnegate), oprrest::text, oprjoin::text, oprcanhash, oprcanmerge)
ORDER BY 1;

-- casts
SELECT count(*) FROM pg_cast WHERE 'vector'::regtype IN (castsource, casttarget)
    AND NOT EXISTS (SELECT FROM pg_type WHERE oid IN (castsource, casttarget) AND typname IN ('halfvec', 'sparsevec'));
SELECT coalesce(c.source, castsource::regtype::text) AS source, coalesce(c.target, casttarget::regtype::text) AS target,
       CASE WHEN k.oid IS NULL THEN 'missing' WHEN c.source IS NULL THEN 'too much' ELSE 'different' END
FROM (VALUES
    ('vector', 'vector', 'vector(vector,integer,boolean)', 'i'), ('vector', 'real[]', 'vector_to_float4(vector,integer,boolean)', 'i'),
    ('integer[]', 'vector', 'array_to_vector(integer[],integer,boolean)', 'a'), ('real[]', 'vector', 'array_to_vector(real[],integer,boolean)', 'a'),
    ('double precision[]', 'vector', 'array_to_vector(double precision[],integer,boolean)', 'a'), ('numeric[]', 'vector', 'array_to_vector(numeric[],integer,boolean)', 'a')
) c(source, target, function, context)
FULL JOIN (SELECT * FROM pg_cast WHERE 'vector'::regtype IN (castsource, casttarget)
    AND NOT EXISTS (SELECT FROM pg_type WHERE oid IN (castsource, casttarget) AND typname IN ('halfvec', 'sparsevec'))) k
ON k.castsource = c.source::regtype AND k.casttarget = c.target::regtype
WHERE (function, context, 'f') IS DISTINCT FROM (castfunc::regprocedure::text, castcontext::text, castmethod::text)
ORDER BY 1, 2;

-- the btree class
SELECT opcname, opcdefault, opckeytype, amopstrategy, amoppurpose, amopopr::regoperator
FROM pg_opclass JOIN pg_am am ON am.oid = opcmethod JOIN pg_amop ON amopfamily = opcfamily
WHERE opcintype = 'vector'::regtype AND amname = 'btree' ORDER BY amopstrategy;
SELECT amprocnum, amproc::regprocedure FROM pg_amproc JOIN pg_opfamily f ON f.oid = amprocfamily JOIN pg_am am ON am.oid = opfmethod
WHERE amproclefttype = 'vector'::regtype AND amname = 'btree' ORDER BY 1;

-- nothing names the schema of the extension, so that the type can be created anywhere
SELECT count(*) FROM of_vector WHERE proconfig IS NOT NULL;
