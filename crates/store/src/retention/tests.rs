//! Which files go.

use super::*;

fn file(table: TableKind, day: i64, octets: u64) -> Arc<DataFile> {
    Arc::new(DataFile {
        table,
        name: format!("{}/{day}", table.name()),
        rows: 1,
        octets,
        crc32c: 0,
        times: Times::at(day * 10, day * 10 + 9),
        segments: (1, 1),
        level: 0,
        made: 0,
    })
}

fn names(files: &[Arc<DataFile>], rules: Rules, pinned: std::ops::Range<i64>) -> Vec<String> {
    let is_spared = |times: &Times| times.overlaps_received(pinned.start, pinned.end);
    let mut names: Vec<String> = doomed(files, &rules, is_spared).iter().map(|file| file.name.clone()).collect();
    names.sort();
    names
}

fn files() -> Vec<Arc<DataFile>> {
    // Not in order: merged files stand where the first of their parts stood.
    let mut files: Vec<_> = [3, 1, 0, 2].into_iter().map(|day| file(TableKind::Flows, day, 100)).collect();
    files.extend((0..4).map(|day| file(TableKind::Series, day, 10)));
    files.push(file(TableKind::Health, 0, 1));
    files
}

const NOTHING: Rules = Rules { records_from: i64::MIN, series_from: i64::MIN, excess: 0 };

#[test]
fn age_goes_by_the_last_arrival() {
    assert!(names(&files(), NOTHING, 0..0).is_empty());
    // The file of day 1 has a row that arrived at 19.
    assert_eq!(names(&files(), Rules { records_from: 19, ..NOTHING }, 0..0), ["flows/0", "health/0"]);
    assert_eq!(names(&files(), Rules { records_from: 20, ..NOTHING }, 0..0), ["flows/0", "flows/1", "health/0"]);
    assert_eq!(names(&files(), Rules { series_from: 10, ..NOTHING }, 0..0), ["series/0"]);
}

#[test]
fn size_takes_the_oldest_and_series_last() {
    assert_eq!(names(&files(), Rules { excess: 100, ..NOTHING }, 0..0), ["flows/0"]);
    assert_eq!(names(&files(), Rules { excess: 101, ..NOTHING }, 0..0), ["flows/0", "health/0"]);
    assert_eq!(names(&files(), Rules { excess: 401, ..NOTHING }, 0..0), ["flows/0", "flows/1", "flows/2", "flows/3", "health/0"]);
    assert_eq!(names(&files(), Rules { excess: 402, ..NOTHING }, 0..0).last().unwrap(), "series/0");
    assert_eq!(names(&files(), Rules { excess: u64::MAX, ..NOTHING }, 0..0).len(), 9);
}

#[test]
fn pinned_ranges_are_spared_by_age_and_by_size() {
    let all = Rules { records_from: i64::MAX, series_from: i64::MAX, excess: u64::MAX };
    assert_eq!(names(&files(), all, 9..10), ["flows/1", "flows/2", "flows/3", "series/1", "series/2", "series/3"]);
    assert_eq!(names(&files(), Rules { excess: 1, ..NOTHING }, 0..10), ["flows/1"]);
}
