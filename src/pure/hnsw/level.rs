//! The highest level of a node: drawn at random, so that one of `step` nodes of a level is on the next one, too (Malkov and
//! Yashunin, 2018, section 4: `floor(-ln(unif(0..1)) * mL)` with `mL = 1 / ln(step)`).

/// Maximum of a drawn level. With a step of 2, one node of 32,768 would be higher.
const MAX_DRAWN_LEVEL: f64 = 15.0;

/// The highest level of a node, for a `uniform` number drawn from (0, 1].
pub fn level_for(uniform: f64, step: usize) -> u8 {
    let scale = 1.0 / (step.max(2) as f64).ln();
    (-uniform.max(f64::MIN_POSITIVE).ln() * scale).min(MAX_DRAWN_LEVEL) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_step_is_on_the_next_level() {
        for step in [2, 16, 128] {
            let edge = 1.0 / step as f64;
            assert_eq!((level_for(1.0, step), level_for(1.001 * edge, step)), (0, 0), "{step}");
            assert_eq!(
                (level_for(0.999 * edge, step), level_for(0.999 * edge * edge, step)),
                (1, 2),
                "{step}"
            );
        }
        assert_eq!((level_for(1.0, 16), level_for(0.07, 16), level_for(0.06, 16)), (0, 0, 1));
        assert_eq!((level_for(0.0, 16), level_for(f64::MIN_POSITIVE, 2), level_for(1e-9, 0)), (15, 15, 15));
        let drawn = (1..=16_000).filter(|i| level_for(f64::from(*i) / 16_000.0, 16) > 0).count();
        assert!((999..=1000).contains(&drawn));
    }
}
