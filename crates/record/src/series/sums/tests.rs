use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::Address;

/// A row: slot, exporter, value of the dimension, bytes, a bucket and its count.
type Told = (i64, u32, Option<u32>, u64, Option<(u32, u32)>);

fn batch(rows: &[Told]) -> SeriesBatch {
    let mut batch = SeriesBatch::new();
    for (slot, exporter, value, bytes, bucket) in rows {
        let row = batch.rows();
        batch.slot.push(row, *slot);
        batch.step.push(row, 60);
        batch.exporter.push(row, Address::v4(*exporter));
        batch.dimension.push(row, names::BY_IN_IF);
        batch.number.push_some(row, value.map(u64::from));
        batch.bytes.push(row, *bytes);
        if let Some((bucket, count)) = bucket {
            batch.rtt_hist.push(row, [*bucket, *count]);
        }
        batch.advance(1);
    }
    batch
}

fn told() -> impl Strategy<Value = Vec<Told>> {
    let bucket = proptest::option::of((0u32..3, prop_oneof![0u32..5, Just(u32::MAX)]));
    proptest::collection::vec((0i64..3, 0u32..3, proptest::option::of(0u32..4), any::<u32>().prop_map(u64::from), bucket), 0..40)
}

proptest! {
    #[test]
    fn rows_add_up_however_they_are_parted(rows in told(), cut in 0usize..40) {
        let mut expected: HashMap<_, (u64, BTreeMap<u32, u64>)> = HashMap::new();
        for (slot, exporter, value, bytes, bucket) in &rows {
            let sum = expected.entry((*slot, *exporter, *value)).or_default();
            sum.0 += bytes;
            if let Some((bucket, count)) = bucket {
                *sum.1.entry(*bucket).or_default() += u64::from(*count);
            }
        }
        let (one, other) = rows.split_at(cut.min(rows.len()));
        let mut first = SeriesSums::new();
        first.add(batch(other));
        let mut sums = SeriesSums::new();
        sums.add(batch(one));
        sums.add(first.finish());
        let sums = sums.finish();
        prop_assert_eq!(sums.rows(), expected.len());
        let mut last = None;
        for row in 0..sums.rows() {
            let exporter = sums.exporter.get(row).unwrap().halves().1 as u32;
            let slot = sums.slot.get(row).unwrap();
            let value = sums.number.get(row).map(|number| number as u32);
            let (bytes, buckets) = &expected[&(slot, exporter, value)];
            prop_assert_eq!(sums.bytes.get(row), Some(*bytes));
            let mut counts = BTreeMap::new();
            for [bucket, count] in sums.rtt_hist.get(row).unwrap_or_default().as_chunks().0 {
                *counts.entry(*bucket).or_default() += u64::from(*count);
            }
            let counted: BTreeMap<u32, u64> = buckets.iter().filter(|(_, count)| **count > 0).map(|(b, c)| (*b, *c)).collect();
            prop_assert_eq!(counts, counted);
            let place = Some((exporter, slot, value));
            prop_assert!(place > last, "rows are in order and no key stands twice");
            last = place;
        }
    }
}

#[test]
fn past_the_limit_the_smallest_are_one_row() {
    let count = MAX_VALUES as u32 + 3;
    let rows: Vec<Told> =
        (0..count).map(|value| (0, 1, Some(value), 1000 + u64::from(value), None)).chain([(0, 1, None, 5, None)]).collect();
    let mut sums = SeriesSums::new();
    sums.add(batch(&rows));
    let sums = sums.finish();
    assert_eq!(sums.rows(), MAX_VALUES + 1);
    assert_eq!((sums.number.get(0), sums.bytes.get(0)), (None, Some(5 + 1000 + 1001 + 1002)));
    assert_eq!((sums.number.get(1), sums.bytes.get(1)), (Some(3), Some(1003)));
    assert_eq!(sums.sketch_error.get(0), None);
    // At the limit nothing is lost.
    let mut sums = SeriesSums::new();
    sums.add(batch(&rows[..MAX_VALUES]));
    assert_eq!(sums.finish().rows(), MAX_VALUES);
}

#[test]
fn a_sketch_past_the_limit_says_how_wrong_it_is() {
    let mut part = SeriesBatch::new();
    for number in 0..MAX_TOP_ADDRESSES as u32 + 2 {
        let row = part.rows();
        part.slot.push(row, 0);
        part.dimension.push(row, names::TOP_DST_ADDR);
        part.address.push(row, Address::v4(number));
        part.bytes.push(row, 100 + u64::from(number));
        part.advance(1);
    }
    part.slot.push(part.rows(), 0);
    part.dimension.push(part.rows(), names::TOP_DST_ADDR);
    part.bytes.push(part.rows(), 7);
    part.sketch_error.push(part.rows(), 3);
    part.advance(1);
    let mut sums = SeriesSums::new();
    sums.add(part);
    let sums = sums.finish();
    assert_eq!(sums.rows(), MAX_TOP_ADDRESSES + 1);
    assert_eq!((sums.address.get(0), sums.bytes.get(0), sums.sketch_error.get(0)), (None, Some(7 + 100 + 101), Some(3 + 101)));
    assert_eq!((sums.address.get(1), sums.bytes.get(1)), (Some(Address::v4(2)), Some(102)));
}

#[test]
fn the_row_of_a_whole_source_stays_while_others_lose_their_value() {
    let mut part = SeriesBatch::new();
    part.dimension.push(0, names::BY_SOURCE);
    part.bytes.push(0, u64::MAX);
    part.advance(1);
    let mut sums = SeriesSums::new();
    sums.add(part.clone());
    sums.add(part);
    let sums = sums.finish();
    assert_eq!((sums.rows(), sums.bytes.get(0)), (1, Some(u64::MAX)));
    assert_eq!(sums.dimension.get(0), Some(names::BY_SOURCE));
}
