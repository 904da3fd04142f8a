//! How far to look in a graph where a query asks for some of an ivfflat index's lists.

/// What a search does instead of comparing all rows of the nearest lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lists {
    /// As `hnsw.ef_search`; none if the search looks at all rows.
    pub ef: Option<usize>,
    /// Maximum number of rows returned: twice those that the lists hold on average, as lists hold more in the dense parts
    /// of a set.
    pub rows: usize,
}

/// Minimum of `ef`: the default of `hnsw.ef_search`.
const MIN: f64 = 40.0;

impl Lists {
    /// For `probes` of `lists` lists of an index of `rows` rows.
    ///
    /// With `v` = rows × probes / lists, the rows that the lists hold, `ef` is v^⅔ / (1 - probes / lists), at least 40. All
    /// rows are looked at where the search would come to half of them, so with as many probes as lists the answer is exact, as
    /// with lists.
    ///
    /// # What was measured
    ///
    /// The `ef` from which on a graph finds as many of the ten nearest as pgvector does with that part of its lists:
    ///
    /// | set | lists | 1 % | 10 % | 30 % | 50 % | 70 % | 90 % |
    /// |---|---|---|---|---|---|---|---|
    /// | 89,469 x 384 embeddings | 300 | 10 | 20 | 40 | 80 | 240 | 240 |
    /// | 20,000 x 384 embeddings | 100 | 10 | 10 | 20 | 20 | 40 | 80 |
    /// | 20,000 x 128 in clusters | 100 | 10 | 20 | 20 | 20 | 20 | 20 |
    /// | 20,000 x 64, uniform | 100 | 10 | 10 | 20 | 30 | 60 | 120 |
    /// | 20,000 x 256, uniform | 100 | 10 | 10 | 40 | 120 | 320 | 1000 |
    /// | this formula, for 20,000 rows | | 40 | 176 | 471 | 928 | 1936 | 6868 |
    ///
    /// A graph comes nearer step by step, where lists compare a part of the space; but in noise no step leads nearer, and
    /// both have to look at many rows. The power keeps recall above that of lists there, for all numbers of rows tried. On
    /// embeddings `ef` is larger than needed; `hnsw` leaves the choice to its user.
    pub fn new(rows: usize, lists: u32, probes: u32) -> Self {
        let part = (f64::from(probes) / f64::from(lists.max(1))).min(1.0);
        let held = rows as f64 * part;
        let ef = (held.powf(2.0 / 3.0) / (1.0 - part)).max(MIN);
        let all = ef * 2.0 >= rows as f64;
        Self { ef: (!all).then_some(ef as usize), rows: ((2.0 * held).ceil() as usize).min(rows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_probes_look_farther() {
        for rows in [0, 1, 300, 5_000, 1_000_000, 2_000_000_000] {
            for lists in [1, 2, 100, 32_768] {
                let mut before = Lists::new(rows, lists, 1);
                assert!(before.ef.is_none_or(|ef| ef >= 40));
                for probes in (1..=lists).step_by(lists as usize / 50 + 1) {
                    let new = Lists::new(rows, lists, probes);
                    assert!(new.rows >= before.rows && new.rows <= rows);
                    assert!(new.ef.unwrap_or(rows) >= before.ef.unwrap_or(rows), "{rows} {lists} {probes}");
                    before = new;
                }
                assert_eq!(Lists::new(rows, lists, lists), Lists { ef: None, rows });
                assert_eq!(Lists::new(rows, lists, 32_768), Lists { ef: None, rows });
            }
        }
    }

    #[test]
    fn usual_numbers() {
        // A thousand rows a list, the square root of the lists as probes.
        assert_eq!(Lists::new(1_000_000, 1_000, 1), Lists { ef: Some(100), rows: 2_000 });
        assert_eq!(Lists::new(1_000_000, 1_000, 32), Lists { ef: Some(1_041), rows: 64_000 });
        // The defaults, and few rows.
        assert_eq!(Lists::new(5_000, 100, 1), Lists { ef: Some(40), rows: 100 });
        assert_eq!(Lists::new(60, 100, 1), Lists { ef: None, rows: 2 });
    }
}
