-- Functions that test parts of the Pinecone layer beside their code: an error fails.
CREATE FUNCTION an_inner_look_leaves_the_outer_one_as_it_is() RETURNS void LANGUAGE c AS '$libdir/conifer', 'an_inner_look_leaves_the_outer_one_as_it_is_wrapper';
SELECT an_inner_look_leaves_the_outer_one_as_it_is();
CREATE FUNCTION a_line_of_the_audit_that_fails_is_over() RETURNS void LANGUAGE c AS '$libdir/conifer', 'a_line_of_the_audit_that_fails_is_over_wrapper';
BEGIN; -- it makes a role
SELECT a_line_of_the_audit_that_fails_is_over();
ROLLBACK;
