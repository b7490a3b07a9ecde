//! What is written is read back, in every type and with every kind of gap; what is damaged is an error; pruning changes no answer.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use weir_query::Filter;
use weir_query::testing::Random;
use weir_record::{AnyColumn, AnyColumnMut, Column, ColumnType, CounterBatch, FlowBatch, HealthBatch, SeriesBatch, Table};
use weir_testkit::Rng;

use super::TableFile;
use crate::catalog::State;
use crate::layout::{FileTable, PAGE_ROWS};
use crate::manifest::{DataFile, Manifest, TableKind};
use crate::place::Place;
use crate::scan::{Cancel, ScanRequest, ScanStats};
use crate::snapshot::Snapshot;
use crate::store::no_summary;
use crate::write::{SegmentWriter, merge};
use crate::{StoreError, write};

/// A batch whose columns are absent, of one value, of few values or of many, with gaps, and ending before the batch does.
fn batch<T: Table>(rows: usize, numbers: &mut Rng) -> T {
    let mut batch = T::default();
    for column in 0..T::COLUMNS.len() {
        let kinds = [1, 3, 300, 6_000, u64::MAX];
        let (kind, gaps) = (numbers.usize(..8), [0, 0, 2, 10][numbers.usize(..4)]);
        let Some(values) = kinds.get(kind).copied() else {
            continue;
        };
        let unit = [1, 1_000, 1_000_000][numbers.usize(..3)];
        let end = if numbers.u64(..4) == 0 { rows / 2 } else { rows };
        for row in 0..end {
            if gaps > 0 && numbers.u64(..gaps) == 0 {
                continue;
            }
            let value = numbers.u64(..values).wrapping_mul(if values > 10_000 { 1 } else { 77_003 });
            write(T::COLUMNS[column].column_type, batch.any_mut(column), row, value, unit, numbers);
        }
    }
    batch.advance(rows);
    batch.finish();
    batch
}

fn write(column_type: ColumnType, column: AnyColumnMut<'_>, row: usize, value: u64, unit: i64, numbers: &mut Rng) {
    match (column, column_type) {
        (AnyColumnMut::U8(c), ColumnType::Bool) => c.push(row, (value % 2) as u8),
        (AnyColumnMut::U8(c), ColumnType::Enum(words)) => c.push(row, (value % words.len() as u64) as u8),
        (AnyColumnMut::U8(c), _) => c.push(row, value as u8),
        (AnyColumnMut::U16(c), _) => c.push(row, value as u16),
        (AnyColumnMut::U32(c), _) => c.push(row, value as u32),
        (AnyColumnMut::U64(c), ColumnType::Mac) => c.push(row, value >> 16),
        (AnyColumnMut::U64(c), _) => c.push(row, value),
        (AnyColumnMut::Time(c), _) => c.push(row, (value as i64 / unit).wrapping_mul(unit)),
        (AnyColumnMut::Ip(c), _) if value.is_multiple_of(3) => c.push(row, weir_record::Address::v4(value as u32)),
        (AnyColumnMut::Ip(c), _) => c.push(row, weir_record::Address::from_halves(value >> 7, value)),
        (AnyColumnMut::Text(c), _) => c.push(row, &if value.is_multiple_of(5) { String::new() } else { format!("žluť {value}") }),
        (AnyColumnMut::List(c), _) => c.push(row, (0..value % 5).map(|_| numbers.u32(..))),
    }
}

/// The value of a row, for comparison.
fn value(column: AnyColumn<'_>, row: usize) -> Option<String> {
    match column {
        AnyColumn::U8(c) => c.get(row).map(|value| value.to_string()),
        AnyColumn::U16(c) => c.get(row).map(|value| value.to_string()),
        AnyColumn::U32(c) => c.get(row).map(|value| value.to_string()),
        AnyColumn::U64(c) => c.get(row).map(|value| value.to_string()),
        AnyColumn::Time(c) => c.get(row).map(|value| value.to_string()),
        AnyColumn::Ip(c) => c.get(row).map(|value| value.to_string()),
        AnyColumn::Text(c) => c.get(row).map(str::to_owned),
        AnyColumn::List(c) => c.get(row).map(|value| format!("{value:?}")),
    }
}

/// Every row as the names and values that it has.
fn rows<T: Table>(batches: &[T]) -> Vec<BTreeMap<&'static str, String>> {
    let row = |batch: &T, row: usize| {
        let columns = (0..T::COLUMNS.len()).filter_map(|column| Some((T::COLUMNS[column].name, value(batch.any(column), row)?)));
        columns.collect()
    };
    batches.iter().flat_map(|batch| (0..batch.rows()).map(move |number| row(batch, number))).collect()
}

/// The rows of files, in order.
fn read<T: FileTable + Clone>(place: &Place, files: &[DataFile]) -> Result<Vec<T>, StoreError> {
    let (mut batches, all) = (Vec::new(), (0..T::COLUMNS.len()).collect::<Vec<_>>());
    for file in files {
        let file = TableFile::open(place, &file.name)?;
        for group in 0..file.row_groups() {
            file.read_group::<T>(group, &all, &mut |batch| {
                batches.push(batch.clone());
                ControlFlow::Continue(())
            })?;
        }
    }
    Ok(batches)
}

/// Writes batches and reads them back.
fn check_round_trip<T: FileTable + Clone>(
    batches: Vec<T>,
    push: impl Fn(&mut SegmentWriter<'_>, T) -> Result<(), StoreError>,
) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::local(folder.path());
    let mut writer = SegmentWriter::new(&place, "day/0000000001", (1, 1), 5);
    let expected = rows(&batches);
    for batch in batches.clone() {
        push(&mut writer, batch).unwrap();
    }
    let files = writer.finish().unwrap();
    for file in &files {
        let octets = fs::read(folder.path().join(&file.name)).unwrap();
        prop_assert_eq!((file.octets, file.crc32c), (octets.len() as u64, crc32c::crc32c(&octets)));
    }
    prop_assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), expected.len() as u64);
    let back: Vec<T> = read(&place, &files).unwrap();
    for (row, (expected, back)) in expected.iter().zip(rows(&back)).enumerate() {
        prop_assert_eq!(&back, expected, "row {}", row);
    }
    for file in &files {
        check_picks::<T>(&TableFile::open(&place, &file.name).unwrap())?;
    }
    // Merged, they are the same rows.
    let files: Vec<Arc<DataFile>> = files.into_iter().map(Arc::new).collect();
    let merged = merge(&place, &files, "day/merged-1", 1, 6, &Cancel::new()).unwrap();
    prop_assert!(rows(&read::<T>(&place, &merged).unwrap()) == expected, "merged");
    Ok(())
}

/// Picks rows of every page, in both orders of the pages, and compares them with the pages.
fn check_picks<T: FileTable + Clone>(file: &TableFile) -> Result<(), TestCaseError> {
    let all: Vec<usize> = (0..T::COLUMNS.len()).collect();
    for group in 0..file.row_groups() {
        let mut pages = Vec::new();
        file.read_group::<T>(group, &all, &mut |batch| {
            pages.push(batch.clone());
            ControlFlow::Continue(())
        })
        .unwrap();
        let mut reader = file.group::<T>(group);
        for (number, page) in pages.iter().enumerate().rev().chain(pages.iter().enumerate()) {
            let chosen: Vec<usize> = (0..page.rows()).filter(|row| row % 97 == 3 || row + 1 == page.rows()).collect();
            let mut picked = T::default();
            reader.pick(number, &all, &chosen, &mut picked).unwrap();
            picked.advance(chosen.len());
            picked.finish();
            let whole = rows(std::slice::from_ref(page));
            let expected: Vec<_> = chosen.iter().map(|row| whole[*row].clone()).collect();
            prop_assert_eq!(rows(&[picked]), expected);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn every_column_comes_back(seed: u64) {
        let mut numbers = Rng::with_seed(seed);
        let sizes = [numbers.usize(..3_000) + 1, PAGE_ROWS - 1, numbers.usize(..200) + 1];
        // Events lie in a file of their own, so rows of one kind keep their order.
        let mut flows: Vec<FlowBatch> = sizes.iter().map(|rows| batch(*rows, &mut numbers)).collect();
        flows.iter_mut().for_each(|batch| batch.record_kind.clear());
        check_round_trip(flows, |writer, batch| writer.flows(batch))?;
        check_round_trip(sizes.iter().map(|rows| batch::<CounterBatch>(*rows, &mut numbers)).collect(), |writer, batch| writer.counters(batch))?;
        check_round_trip(sizes.iter().map(|rows| batch::<HealthBatch>(*rows, &mut numbers)).collect(), |writer, batch| writer.health(batch))?;
    }

    #[test]
    fn pages_that_are_passed_over_have_nothing_to_select(seed: u64) {
        let mut random = Random::new(seed);
        let mut numbers = Rng::with_seed(seed);
        let mut batches: Vec<FlowBatch> = (0..3).map(|_| random.batch(numbers.usize(..1_500) + 1)).collect();
        batches.iter_mut().for_each(FlowBatch::finish);
        let folder = tempfile::tempdir().unwrap();
        let snapshot = stored(folder.path(), &batches);
        for _ in 0..40 {
            let filter = random.filter(3);
            let times = [i64::MIN, 0, 1_700_000_000_000_000_000, i64::MAX];
            let (from, to) = (times[numbers.usize(..3)], times[numbers.usize(..4)]);
            let mut expected = Vec::new();
            for batch in &batches {
                let mut mask = weir_query::Mask::new();
                filter.evaluate(batch, &mut mask);
                weir_query::time::restrict(batch, from, to, &mut mask);
                expected.extend(mask.iter().filter(|row| !write::is_event(batch, *row) && from < to).map(|row| (batch.bytes.get(row), batch.src_addr.get(row))));
            }
            let (mut found, stats) = selected(&snapshot, &filter, from, to, 2).unwrap();
            prop_assert_eq!(stats.rows_selected, expected.len() as u64, "{} from {} to {}", filter, from, to);
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected, "{}", filter);
            prop_assert!(stats.unreadable.is_empty());
        }
    }
}

type Selected = Vec<(Option<u64>, Option<weir_record::Address>)>;

fn selected(
    snapshot: &Snapshot,
    filter: &Filter,
    from: i64,
    to: i64,
    threads: usize,
) -> Result<(Selected, ScanStats), StoreError> {
    let cancel = Cancel::new();
    let columns = &[Column::bytes, Column::src_addr];
    let request = ScanRequest { table: TableKind::Flows, columns, from, to, filter, threads, cancel: &cancel };
    let found = Mutex::new(Vec::new());
    let stats = snapshot.scan(&request, |_| {
        |batch: &FlowBatch, mask: &weir_query::Mask| {
            found.lock().unwrap().extend(mask.iter().map(|row| (batch.bytes.get(row), batch.src_addr.get(row))));
            ControlFlow::Continue(())
        }
    })?;
    Ok((found.into_inner().unwrap(), stats))
}

/// A file a batch.
fn stored(folder: &Path, batches: &[FlowBatch]) -> Snapshot {
    let place = Place::local(folder);
    let mut manifest = Manifest::default();
    for (number, batch) in batches.iter().enumerate() {
        let stem = format!("{number}");
        let mut writer = SegmentWriter::new(&place, &stem, (number as u64, number as u64), 0);
        writer.flows(batch.clone()).unwrap();
        manifest.files.extend(writer.finish().unwrap().into_iter().map(Arc::new));
    }
    Snapshot::of(State { manifest: Arc::new(manifest), segments: Vec::new() }, place, no_summary())
}

/// Flows of a few hosts, in order of time.
fn flows(rows: usize) -> FlowBatch {
    let mut batch = FlowBatch::new();
    for row in 0..rows {
        batch.time_received.push(row, 1_000_000_000 * row as i64);
        batch.src_addr.push(row, weir_record::Address::v4(0x0a00_0000 + (row % 1000) as u32));
        batch.dst_addr.push(row, weir_record::Address::v4(0x0a01_0000 + (row % 7) as u32));
        batch.bytes.push(row, row as u64);
    }
    batch.advance(rows);
    batch.finish();
    batch
}

#[test]
fn a_host_is_looked_for_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut second = flows(3 * PAGE_ROWS);
    second.src_addr.push(2 * PAGE_ROWS + 5, weir_record::Address::v4(0xc000_0201));
    let snapshot = stored(folder.path(), &[flows(PAGE_ROWS), second]);
    let find = |text: &str| selected(&snapshot, &Filter::parse(text).unwrap(), i64::MIN, i64::MAX, 1).unwrap();
    let (found, stats) = find("ip 192.0.2.1");
    assert_eq!(found, [(Some(2 * PAGE_ROWS as u64 + 5), Some(weir_record::Address::v4(0xc000_0201)))]);
    assert_eq!((stats.row_groups, stats.row_groups_pruned), (1, 1));
    let (found, stats) = find("ip 203.0.113.1");
    assert_eq!((found.len(), stats.row_groups), (0, 0), "past the largest address");
    assert_eq!(
        find("src ip 10.0.0.7 and dst ip 10.1.0.0").0.len(),
        (0..4 * PAGE_ROWS)
            .filter(|n| {
                let row = if *n < PAGE_ROWS { *n } else { n - PAGE_ROWS };
                row % 1000 == 7 && row % 7 == 0
            })
            .count()
    );
    assert_eq!(find("ip 10.0.0.0/8").0.len(), 4 * PAGE_ROWS);
}

#[test]
fn times_are_cut_exactly_and_files_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = stored(folder.path(), &[flows(100), flows(2 * PAGE_ROWS)]);
    let any = Filter::any();
    let (found, stats) = selected(&snapshot, &any, 5_000_000_000, 7_000_000_001, 1).unwrap();
    assert_eq!(found.len(), 2 * 3);
    assert_eq!(stats.files, 2);
    let (found, stats) = selected(&snapshot, &any, 100_000_000_000, i64::MAX, 2).unwrap();
    assert_eq!((found.len(), stats.files), (2 * PAGE_ROWS - 100, 1));
    let (found, stats) = selected(&snapshot, &any, i64::MAX - 1, i64::MAX, 2).unwrap();
    assert_eq!((found.len(), stats.files), (0, 0));
}

#[test]
fn a_range_to_the_last_nanosecond_has_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut batch = flows(3);
    for row in 0..3 {
        batch.time_start.push(row, i64::MAX - row as i64);
        batch.time_end.push(row, i64::MAX - row as i64);
    }
    batch.finish();
    // One file holds the three times, the other the last alone.
    let mut last = flows(1);
    last.time_start.push(0, i64::MAX);
    last.time_end.push(0, i64::MAX);
    last.finish();
    let snapshot = stored(folder.path(), &[batch, last]);
    let find = |from, to| selected(&snapshot, &Filter::any(), from, to, 1).unwrap().0.len();
    assert_eq!([find(0, i64::MAX), find(i64::MIN, i64::MAX)], [4, 4]);
    assert_eq!(find(0, i64::MAX - 1), 1);
}

#[test]
fn newest_first_goes_from_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = stored(folder.path(), &[flows(100), flows(3 * PAGE_ROWS + 9)]);
    let (cancel, filter) = (Cancel::new(), Filter::any());
    let columns = &[Column::bytes];
    let request = ScanRequest {
        table: TableKind::Flows,
        columns,
        from: i64::MIN,
        to: i64::MAX,
        filter: &filter,
        threads: 1,
        cancel: &cancel,
    };
    for newest_first in [false, true] {
        let mut firsts = Vec::new();
        let take = &mut |batch: &FlowBatch, _: &weir_query::Mask| {
            firsts.push(batch.bytes.get(0).unwrap());
            ControlFlow::Continue(())
        };
        snapshot.scan_in_order(&request, newest_first, take).unwrap();
        let mut expected = vec![0, 0, PAGE_ROWS as u64, 2 * PAGE_ROWS as u64, 3 * PAGE_ROWS as u64];
        if newest_first {
            expected.reverse();
        }
        assert_eq!(firsts, expected);
    }
    cancel.cancel();
    let cancelled = snapshot.scan_in_order(&request, false, &mut |_, _| ControlFlow::Continue(()));
    assert!(matches!(cancelled, Err(StoreError::Cancelled)), "{cancelled:?}");
}

#[test]
fn the_first_records_are_the_same_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    // Thirteen rows after one another have one number of octets.
    let mut numbered = 0;
    let batches: Vec<FlowBatch> = [3 * PAGE_ROWS + 9, 100, 2 * PAGE_ROWS, 1]
        .into_iter()
        .map(|count| {
            let mut batch = flows(count);
            for row in 0..count {
                batch.bytes.push(row, numbered / 13);
                numbered += 1;
            }
            batch
        })
        .collect();
    let snapshot = stored(folder.path(), &batches);
    let (cancel, columns) = (Cancel::new(), &[Column::bytes]);
    for (text, most, newest_first) in [
        ("any", 5, true),
        ("any", 20_000, true),
        ("any", 20_000, false),
        ("src ip 10.0.0.7", 3, true),
        ("src ip 10.0.0.7", 30, false),
        ("src ip 10.0.0.7", 1_000, true),
        ("bytes = 700", 5, false),
        ("ip 192.0.2.1", 1, true),
    ] {
        let filter = Filter::parse(text).unwrap();
        let (from, to) = (i64::MIN, i64::MAX);
        let mut expected = Vec::new();
        let request = ScanRequest { table: TableKind::Flows, columns, from, to, filter: &filter, threads: 1, cancel: &cancel };
        let take = &mut |batch: &FlowBatch, mask: &weir_query::Mask| {
            let mut values: Vec<_> = mask.iter().map(|row| batch.bytes.get(row).unwrap()).collect();
            if newest_first {
                values.reverse();
            }
            expected.extend(values);
            ControlFlow::Continue(())
        };
        snapshot.scan_in_order(&request, newest_first, take).unwrap();
        expected.truncate(most);
        for threads in 1..=4 {
            let request = ScanRequest { threads, ..request };
            let found = Mutex::new(Vec::new());
            let consumer = |_| {
                |piece, batch: &FlowBatch, mask: &weir_query::Mask| {
                    let mut values: Vec<_> = mask.iter().map(|row| batch.bytes.get(row).unwrap()).collect();
                    if newest_first {
                        values.reverse();
                    }
                    found.lock().unwrap().push((piece, values));
                    ControlFlow::Continue(())
                }
            };
            let stats = snapshot.scan_first(&request, newest_first, most, consumer).unwrap();
            assert!(stats.rows_selected >= expected.len() as u64);
            let mut found = found.into_inner().unwrap();
            found.sort_by_key(|(piece, _)| *piece);
            let found: Vec<u64> = found.into_iter().flat_map(|(_, values)| values).take(most).collect();
            assert_eq!(found, expected, "{text}, {most}, newest first: {newest_first}, {threads} threads");
        }
    }
}

#[test]
fn a_consumer_that_breaks_ends_the_scan() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = stored(folder.path(), &[flows(5 * PAGE_ROWS), flows(5 * PAGE_ROWS)]);
    let (cancel, filter) = (Cancel::new(), Filter::any());
    let request = ScanRequest {
        table: TableKind::Flows,
        columns: &[],
        from: i64::MIN,
        to: i64::MAX,
        filter: &filter,
        threads: 1,
        cancel: &cancel,
    };
    let stats = snapshot.scan(&request, |_| |_: &FlowBatch, _: &weir_query::Mask| ControlFlow::Break(())).unwrap();
    assert_eq!(stats.rows_read, PAGE_ROWS as u64);
}

#[test]
fn a_column_that_comes_later_begins_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::local(folder.path());
    let rows = write::MAX_GROUP_ROWS;
    let (mut first, mut second) = (FlowBatch::new(), FlowBatch::new());
    for batch in [&mut first, &mut second] {
        batch.bytes.fill(0, rows, 7);
        batch.advance(rows);
    }
    second.dns_name.push(rows - 1, "late.example");
    second.finish();
    let mut writer = SegmentWriter::new(&place, "0", (0, 0), 0);
    writer.flows(first.clone()).unwrap();
    writer.flows(first).unwrap();
    writer.flows(second).unwrap();
    let files = writer.finish().unwrap();
    let told: Vec<(&str, u64)> = files.iter().map(|file| (file.name.as_str(), file.rows)).collect();
    assert_eq!(told, [("flows/0.parquet", 2 * rows as u64), ("flows/0-1.parquet", rows as u64)]);
    let file = TableFile::open(&place, "flows/0-1.parquet").unwrap();
    let mut last = None;
    let columns = [Column::dns_name as usize];
    file.read_group::<FlowBatch>(0, &columns, &mut |batch| {
        last = batch.dns_name.get(batch.rows() - 1).map(str::to_owned);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(last.as_deref(), Some("late.example"));
}

#[test]
fn events_and_drops_have_their_own_table() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::local(folder.path());
    let kinds = weir_record::names::RECORD_KIND;
    let mut batch = flows(4 * kinds.len());
    for row in 0..batch.rows() {
        batch.record_kind.push(row, (row % kinds.len()) as u8);
    }
    let mut writer = SegmentWriter::new(&place, "0", (0, 0), 0);
    writer.flows(batch).unwrap();
    let files = writer.finish().unwrap();
    let told: Vec<(TableKind, u64)> = files.iter().map(|file| (file.table, file.rows)).collect();
    assert_eq!(told, [(TableKind::Flows, 4 * (kinds.len() as u64 - 2)), (TableKind::Events, 8)]);
}

#[test]
fn damage_is_an_error_and_never_other_rows() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::local(folder.path());
    let mut numbers = Rng::with_seed(7);
    let mut all: FlowBatch = batch(300, &mut numbers);
    all.record_kind.clear();
    let snapshot = stored(folder.path(), &[all, flows(50)]);
    let known: Vec<DataFile> = snapshot.files(TableKind::Flows).map(|file| DataFile::clone(file)).collect();
    let whole = rows(&read::<FlowBatch>(&place, &known[..1]).unwrap());
    let path = folder.path().join(&known[0].name);
    let octets = fs::read(&path).unwrap();
    let (mut refused, mut tried) = (0, 0);
    let mut check = |octets: &[u8]| {
        fs::write(&path, octets).unwrap();
        tried += 1;
        match read::<FlowBatch>(&place, &known[..1]) {
            Ok(back) => assert!(rows(&back) == whole, "other rows"),
            Err(_) => refused += 1,
        }
    };
    for end in (0..octets.len()).step_by(97) {
        check(&octets[..end]);
    }
    for _ in 0..600 {
        let mut damaged = octets.clone();
        let place = numbers.usize(..octets.len());
        damaged[place] ^= 1 << numbers.u64(..8);
        check(&damaged);
    }
    assert!(refused > tried / 2, "{refused} of {tried}");
    // The others are still answered, and what is missing is told.
    fs::write(&path, &octets[..octets.len() / 2]).unwrap();
    let (found, stats) = selected(&snapshot, &Filter::any(), i64::MIN, i64::MAX, 2).unwrap();
    assert_eq!(found.len(), 50);
    let [missing] = stats.unreadable.as_slice() else { panic!("{:?}", stats.unreadable) };
    assert!(missing.rows == 300 && missing.what.contains(&known[0].name), "{missing:?}");
    fs::remove_file(&path).unwrap();
    let (_, stats) = selected(&snapshot, &Filter::any(), i64::MIN, i64::MAX, 2).unwrap();
    assert!(stats.unreadable[0].what.contains("replaced or deleted"), "{:?}", stats.unreadable);
}

#[test]
fn a_damaged_bloom_filter_hides_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut numbers = Rng::with_seed(3);
    // More addresses than a dictionary holds.
    let mut batch = FlowBatch::new();
    let rows = 300_000;
    for row in 0..rows {
        batch.src_addr.push(row, weir_record::Address::from_halves(0x2001_0db8_0000_0000, numbers.u64(..)));
    }
    batch.time_received.fill(0, rows, 7);
    batch.advance(rows);
    batch.finish();
    let snapshot = stored(folder.path(), std::slice::from_ref(&batch));
    let name = &snapshot.files(TableKind::Flows).next().unwrap().name;
    let path = folder.path().join(name);
    let file = TableFile::open(snapshot.place(), name).unwrap();
    let chunk = file.chunk(0, "src_addr_low").unwrap();
    let (start, length) = (chunk.bloom_filter_offset().unwrap() as usize, chunk.bloom_filter_length().unwrap() as usize);
    let (there, absent) =
        (batch.src_addr.get(rows / 2).unwrap(), weir_record::Address::from_halves(0x2001_0db8_0000_0000, 1 << 63));
    let find = |address: weir_record::Address| {
        let filter = Filter::parse(&format!("src ip {address}")).unwrap();
        let (found, stats) = selected(&snapshot, &filter, i64::MIN, i64::MAX, 1).unwrap();
        (found.len(), stats.row_groups_pruned)
    };
    assert_eq!((find(there), find(absent)), ((1, 0), (0, 1)));
    let octets = fs::read(&path).unwrap();
    // Every bit is gone; a few are; its head is.
    for range in [start + 64..start + length, start + length / 2..start + length / 2 + 4096, start..start + 8] {
        let mut damaged = octets.clone();
        damaged[range].fill(0);
        fs::write(&path, damaged).unwrap();
        assert_eq!((find(there), find(absent)), ((1, 0), (0, 0)));
    }
}

#[test]
fn rows_of_series_come_back_and_merged_they_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::local(folder.path());
    let mut series = SeriesBatch::new();
    for row in 0..500 {
        series.slot.push(row, 60_000_000_000 * (row as i64 / 10));
        series.step.push(row, 60);
        series.exporter.push(row, weir_record::Address::v4(7));
        series.dimension.push(row, 1);
        series.number.push(row, row as u64 % 10);
        series.flows.push(row, 3);
        series.rtt_hist.push(row, [5, 2]);
    }
    series.advance(500);
    series.finish();
    let mut files = Vec::new();
    for stem in ["1", "2", "3"] {
        let mut writer = SegmentWriter::new(&place, stem, (1, 1), 0);
        writer.series(series.clone()).unwrap();
        files.extend(writer.finish().unwrap());
    }
    let back: Vec<SeriesBatch> = read(&place, &files[..1]).unwrap();
    assert_eq!(rows(&back), rows(&[series]));
    let times = files[0].times;
    assert_eq!((times.placed_min, times.placed_max), (0, 60_000_000_000 * 50 - 1));
    let files: Vec<Arc<DataFile>> = files.into_iter().map(Arc::new).collect();
    let merged = merge(&place, &files, "merged", 1, 6, &Cancel::new()).unwrap();
    assert_eq!(merged.iter().map(|file| file.rows).collect::<Vec<_>>(), [500]);
    for batch in read::<SeriesBatch>(&place, &merged).unwrap() {
        assert!((0..batch.rows()).all(|row| batch.flows.get(row) == Some(9)));
        assert!((0..batch.rows()).all(|row| batch.rtt_hist.get(row) == Some(&[5, 6])));
    }
}
