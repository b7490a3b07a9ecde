use proptest::prelude::*;

use super::*;
use crate::Address;

/// What a column must hold, as the plainest possible thing.
fn check<T: Copy + Default + PartialEq + std::fmt::Debug>(column: &Fixed<T>, model: &[Option<T>]) {
    for (row, value) in model.iter().enumerate() {
        assert_eq!(column.get(row), *value, "row {row}");
        assert_eq!(column.validity().word(row / 64) >> (row % 64) & 1 == 1, value.is_some());
    }
    assert_eq!(column.get(model.len()), None);
    assert_eq!(column.validity().absent(), model[..column.len()].iter().filter(|v| v.is_none()).count());
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize, u32),
    Fill(usize, usize, u32),
    Extend(usize, Vec<u32>),
    Truncate(usize),
    Finish(usize),
    Unset(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0usize..200, any::<u32>()).prop_map(|(row, value)| Step::Push(row, value)),
        (0usize..200, 0usize..150, any::<u32>()).prop_map(|(row, count, value)| Step::Fill(row, count, value)),
        (0usize..200, proptest::collection::vec(any::<u32>(), 0..80)).prop_map(|(row, values)| Step::Extend(row, values)),
        (0usize..300).prop_map(Step::Truncate),
        (0usize..300).prop_map(Step::Finish),
        (0usize..300).prop_map(Step::Unset),
    ]
}

proptest! {
    #[test]
    fn a_column_of_numbers_is_a_list_of_options(steps in proptest::collection::vec(step(), 1..40)) {
        let mut column = Fixed::<u32>::default();
        let mut model: Vec<Option<u32>> = Vec::new();
        let write = |model: &mut Vec<Option<u32>>, row: usize, values: &[u32]| {
            model.resize(row, None);
            model.extend(values.iter().copied().map(Some));
        };
        for step in steps {
            match step {
                Step::Push(row, value) if row < model.len() => {
                    column.push(row, value);
                    model[row] = Some(value);
                }
                Step::Push(row, value) => {
                    column.push(row, value);
                    write(&mut model, row, &[value]);
                }
                Step::Fill(row, count, value) => {
                    column.fill(row, count, value);
                    write(&mut model, row, &vec![value; count]);
                }
                Step::Extend(row, values) => {
                    column.extend(row, values.iter().copied());
                    write(&mut model, row, &values);
                }
                Step::Truncate(rows) => {
                    column.truncate(rows);
                    model.truncate(rows);
                }
                Step::Finish(rows) if !column.is_empty() && rows >= model.len() => {
                    column.finish(rows);
                    model.resize(rows, None);
                }
                Step::Finish(_) => {}
                Step::Unset(row) => {
                    column.unset(row);
                    if let Some(value) = model.get_mut(row) {
                        *value = None;
                    }
                }
            }
            check(&column, &model);
        }
    }

    #[test]
    fn texts_come_back(rows in proptest::collection::vec(proptest::option::of(".{0,12}"), 0..100)) {
        let mut column = TextColumn::default();
        for (row, text) in rows.iter().enumerate() {
            column.push_some(row, text.as_deref());
        }
        for (row, text) in rows.iter().enumerate() {
            prop_assert_eq!(column.get(row), text.as_deref());
        }
    }

    #[test]
    fn addresses_come_back(rows in proptest::collection::vec(proptest::option::of(any::<std::net::IpAddr>()), 0..100)) {
        let mut column = IpColumn::default();
        for (row, address) in rows.iter().enumerate() {
            column.push_some(row, address.map(Address::from));
        }
        for (row, address) in rows.iter().enumerate() {
            prop_assert_eq!(column.get(row).map(Address::to_ip), *address);
        }
    }
}

#[test]
fn faulty_text_is_mended_where_it_is_faulty() {
    let mut column = TextColumn::default();
    column.push_lossy(2, b"a\xff\xfeb");
    assert_eq!(column.get(2), Some("a\u{fffd}\u{fffd}b"));
    assert_eq!(column.get(1), None);
}

#[test]
fn lists_come_back() {
    let mut column = ListColumn::default();
    column.push(1, [1, 2, 3]);
    column.push(3, []);
    column.push(4, [9]);
    assert_eq!(column.get(0), None);
    assert_eq!(column.get(1), Some([1, 2, 3].as_slice()));
    assert_eq!(column.get(3), Some([].as_slice()));
    column.truncate(4);
    assert_eq!(column.get(4), None);
    column.push(1, [7]);
    assert_eq!(column.len(), 2);
    assert_eq!(column.get(1), Some([7].as_slice()));
}

#[test]
fn memory_is_kept_by_clear() {
    let mut column = Fixed::<u64>::default();
    column.fill(0, 1000, 1);
    let memory = column.memory();
    column.clear();
    assert!(column.is_empty());
    assert_eq!(column.memory(), memory);
}

proptest! {
    #[test]
    fn columns_come_back_from_their_parts(rows in prop::collection::vec(prop::option::of((any::<u64>(), any::<u64>(), ".{0,6}", prop::collection::vec(any::<u32>(), 0..4))), 0..200)) {
        let (mut fixed, mut ip, mut text, mut list) =
            (Fixed::<u64>::default(), IpColumn::default(), TextColumn::default(), ListColumn::default());
        for (row, value) in rows.iter().enumerate() {
            let Some((high, low, words, numbers)) = value else { continue };
            fixed.push(row, *high);
            ip.push(row, Address::from_halves(*high, *low));
            text.push(row, words);
            list.push(row, numbers.iter().copied());
        }
        let (values, validity) = fixed.clone().into_parts();
        let copy = Validity::from_words(validity.len(), validity.words().map(<[u64]>::to_vec));
        prop_assert_eq!(copy.absent(), validity.absent());
        prop_assert_eq!(Fixed::from_parts(values, copy), fixed);
        let (high, low, validity) = ip.clone().into_parts();
        prop_assert_eq!(IpColumn::from_parts(high, low, validity), ip);
        let (offsets, octets, validity) = text.clone().into_parts();
        prop_assert_eq!(TextColumn::from_parts(offsets, octets, validity), Some(text));
        let (offsets, values, validity) = list.clone().into_parts();
        prop_assert_eq!(ListColumn::from_parts(offsets, values, validity), Some(list));
    }

    #[test]
    fn parts_that_do_not_fit_are_refused(offsets in prop::collection::vec(-2..12_i32, 0..5), octets in ".{0,5}", rows in 0..6_usize) {
        let length = octets.len();
        let sound = offsets.is_empty()
            || (offsets[0] == 0
                && offsets.is_sorted()
                && offsets.iter().all(|end| (0..=length as i32).contains(end) && octets.is_char_boundary(*end as usize))
                && rows >= offsets.len() - 1);
        let column = TextColumn::from_parts(offsets.clone(), octets.into_bytes(), Validity::from_words(rows, None));
        prop_assert_eq!(column.is_some(), sound);
        if let Some(column) = column {
            for row in 0..column.len() {
                prop_assert!(column.get(row).is_some());
            }
        }
        if let Some(column) = ListColumn::from_parts(offsets, vec![7; length], Validity::from_words(rows, None)) {
            prop_assert!((0..column.len()).all(|row| column.get(row).is_some()));
        }
    }
}
