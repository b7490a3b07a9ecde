//! Properties: what is printed parses to the same tree, the columnar evaluation selects what a row-by-row one
//! selects, and no text makes the parser panic.

mod reference;

use proptest::prelude::*;

use crate::syntax::Expression;
use crate::testing::Random;
use crate::{Filter, Mask, complete};

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
    fn bounds_never_leave_out_what_is_selected(seed in any::<u64>(), rows in 0usize..100) {
        let mut random = Random::new(seed);
        let batch = random.batch(rows);
        let filter = Filter::of(random.expression(4));
        let bounds = filter.bounds();
        let mut mask = Mask::new();
        filter.evaluate(&batch, &mut mask);
        for row in mask.iter() {
            prop_assert!(bounds.hold(&batch, row), "row {} of {}: {:?}", row, filter, bounds);
        }
    }

    #[test]
    fn bounds_of_one_test_leave_out_most_of_the_others(seed in any::<u64>()) {
        // A comparison with a number, an address or a time is bounded by exactly what it selects.
        let mut random = Random::new(seed);
        let test = random.test();
        let is_exact = !test.negated && matches!(&test.field, crate::syntax::Field::Column(column)
            if !matches!(column.info().column_type, weir_record::ColumnType::Text | weir_record::ColumnType::Json | weir_record::ColumnType::List)
                && *column != weir_record::Column::record_kind);
        if is_exact && !matches!(test.relation, crate::syntax::Relation::AllFlags(_)) {
            let batch = random.batch(100);
            let filter = Filter::of(Expression::Test(test));
            let bounds = filter.bounds();
            let mut mask = Mask::new();
            filter.evaluate(&batch, &mut mask);
            let held: Vec<usize> = (0..100).filter(|row| bounds.hold(&batch, *row)).collect();
            let is_address = matches!(bounds.clauses.first().and_then(|clause| clause.first()), Some(crate::Bound { values: crate::BoundValues::Addresses(_), .. }));
            // Ranges of IPv6 run over IPv4.
            prop_assert!(is_address || held == mask.iter().collect::<Vec<_>>(), "{}: {:?}", filter, bounds);
        }
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
