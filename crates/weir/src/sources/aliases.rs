//! The names under which users of FastNetMon look for counters, beside our own.
//!
//! Only `weir counters` prints them, for people; each is the sum of a metric over its labels, or over those that carry one of them.

use weir_server::CounterRow;

/// A name that others know, the metric, and a label with its value where not all of the metric counts.
const ALIASES: [(&str, &str, &str); 8] = [
    ("fastnetmon_flow_udp_packets", "weir_receive_fastnetmon_messages_total", "transport=\"udp\""),
    ("fastnetmon_flow_tcp_packets", "weir_receive_fastnetmon_messages_total", "transport=\"tcp\""),
    ("fastnetmon_flow_tls_packets", "weir_receive_fastnetmon_messages_total", "transport=\"tls\""),
    ("total_simple_packets_processed", "weir_decode_records_total", ""),
    ("flow_forwarder_errors", "weir_export_errors_total", ""),
    ("flow_forwarder_pushed_messages", "weir_export_messages_total", ""),
    ("flow_forwarder_sampler_seen_packets", "weir_export_seen_records_total", ""),
    ("flow_forwarder_sampler_selected_packets", "weir_export_records_total", ""),
];

/// Adds the other names of counters that are there.
pub(super) fn add(counters: &mut Vec<CounterRow>) {
    for (alias, metric, label) in ALIASES {
        let is_meant = |row: &&CounterRow| {
            let (name, labels) = row.name.split_once('{').unwrap_or((&row.name, ""));
            name == metric && labels.contains(label)
        };
        let meant: Vec<u64> = counters.iter().filter(is_meant).filter_map(|row| row.value.as_u64()).collect();
        if !meant.is_empty() {
            counters.push(CounterRow { name: alias.to_owned(), value: meant.iter().sum::<u64>().into() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_the_sum_over_the_labels() {
        let row = |name: &str, value: u64| CounterRow { name: name.to_owned(), value: value.into() };
        let mut counters = vec![
            row("weir_export_messages_total{export=\"a\",target=\"udp://b:1\"}", 3),
            row("weir_export_messages_total{export=\"c\",target=\"udp://d:1\"}", 4),
            row("weir_export_messages_total_else", 9),
        ];
        add(&mut counters);
        assert_eq!(counters.split_off(3), [row("flow_forwarder_pushed_messages", 7)]);
    }
}
