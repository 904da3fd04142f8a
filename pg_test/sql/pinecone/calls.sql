-- Functions that test parts of the Pinecone layer beside their code: an error fails.
CREATE FUNCTION an_inner_look_leaves_the_outer_one_as_it_is() RETURNS void LANGUAGE c AS '$libdir/conifer', 'an_inner_look_leaves_the_outer_one_as_it_is_wrapper';
SELECT an_inner_look_leaves_the_outer_one_as_it_is();
