//! Properties: what is printed parses to the same tree, the columnar evaluation selects what a row-by-row one
//! selects, and no text makes the parser panic.

mod reference;

use proptest::prelude::*;

use crate::syntax::Expression;
use crate::{Filter, Mask, complete};
use crate::testing::Random;

/// Everything of a random filter on a random batch, checked against the row-by-row evaluation.
fn compare(expression: Expression, random: &mut Random, rows: usize) -> Result<(), TestCaseError> {
    let batch = random.batch(rows);
    let filter = Filter::of(expression);
    let mut mask = Mask::new();
    filter.evaluate(&batch, &mut mask);
    prop_assert_eq!(mask.len(), rows);
    for row in 0..rows {
        let expected = reference::holds(filter.expression(), &batch, row);
        prop_assert_eq!(mask.get(row), expected, "row {} of {}, filter: {}", row, rows, filter);
    }
    prop_assert_eq!(mask.count(), (0..rows).filter(|row| mask.get(*row)).count());
    let selected: Vec<usize> = (0..rows).filter(|row| mask.get(*row)).collect();
    prop_assert_eq!(mask.iter().collect::<Vec<_>>(), selected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_parses_to_the_same(seed in any::<u64>()) {
        let expression = Random::new(seed).expression(4);
        let printed = expression.to_string();
        let parsed = Filter::parse(&printed);
        prop_assert!(parsed.is_ok(), "{printed}\n{}", parsed.unwrap_err());
        let parsed = parsed.unwrap();
        prop_assert_eq!(parsed.expression(), &expression, "{}", printed);
        prop_assert_eq!(parsed.to_string(), printed);
    }

    #[test]
    fn one_test_selects_what_the_reference_selects(seed in any::<u64>(), rows in 0usize..300) {
        let mut random = Random::new(seed);
        let expression = Expression::Test(random.test());
        compare(expression, &mut random, rows)?;
    }

    #[test]
    fn filters_select_what_the_reference_selects(seed in any::<u64>(), rows in 0usize..200) {
        let mut random = Random::new(seed);
        let expression = random.expression(4);
        compare(expression, &mut random, rows)?;
    }

    #[test]
    fn no_text_panics(text in "(?s).{0,60}") {
        if let Err(error) = Filter::parse(&text) {
            let _ = error.to_string();
        }
        let _ = complete(&text);
    }

    #[test]
    fn no_mangled_filter_panics(seed in any::<u64>(), cut in any::<prop::sample::Index>(), with in "[ \\[\\]()\"!=<>a-z0-9.:/é-]{0,3}") {
        let mut text = Random::new(seed).expression(3).to_string();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = places[cut.index(places.len())];
        text.replace_range(at..=at + text[at..].chars().next().map_or(0, |c| c.len_utf8() - 1), &with);
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(text.is_char_boundary(error.position));
            let _ = error.to_string();
        }
        let _ = complete(&text[..at]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn long_batches_select_what_the_reference_selects(seed in any::<u64>(), rows in 1900usize..6000) {
        let mut random = Random::new(seed);
        let expression = random.expression(3);
        compare(expression, &mut random, rows)?;
    }
}
