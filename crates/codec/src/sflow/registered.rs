//! The structures of the sFlow registry (sflow.org/developers/structures.php) whose fields have no column of their own.
//!
//! Sorted by format. Names are those of the specifications: sFlow Version 5, and the sFlow LAG, 802.11, Host, HTTP, Application, Memcache, JVM, NAPT, Tunnel,
//! Transit, Queue, OpenFlow, Optical Interface, TCP-info, Port NAPT and Dropped Packet structures.

use super::schema::Kind::{F32, I32, Ip4, Ip6, Items, Mac, Macs, Numbers, Text, U32, U64, Uuid};
use super::schema::Structure;

/// Structures of flow samples and drop notifications.
#[rustfmt::skip]
pub(super) const FLOW_STRUCTURES: &[Structure] = &[
    Structure { format: 1008, name: "extended_mpls_tunnel", fields: &[
        ("tunnel_lsp_name", Text), ("tunnel_id", U32), ("tunnel_cos", U32),
    ] },
    Structure { format: 1009, name: "extended_mpls_vc", fields: &[
        ("vc_instance_name", Text), ("vll_vc_id", U32), ("vc_label_cos", U32),
    ] },
    Structure { format: 1010, name: "extended_mpls_FTN", fields: &[
        ("mplsFTNDescr", Text), ("mplsFTNMask", U32),
    ] },
    Structure { format: 1011, name: "extended_mpls_LDP_FEC", fields: &[
        ("mplsFecAddrPrefixLength", U32),
    ] },
    Structure { format: 1012, name: "extended_vlantunnel", fields: &[
        ("stack", Numbers),
    ] },
    Structure { format: 1014, name: "extended_80211_rx", fields: &[
        ("ssid", Text), ("bssid", Mac), ("version", U32), ("channel", U32), ("speed", U64), ("rsni", U32), ("rcpi", U32),
        ("packet_duration", U32),
    ] },
    Structure { format: 1015, name: "extended_80211_tx", fields: &[
        ("ssid", Text), ("bssid", Mac), ("version", U32), ("transmissions", U32), ("packet_duration", U32),
        ("retrans_duration", U32), ("channel", U32), ("speed", U64), ("power", U32),
    ] },
    Structure { format: 1021, name: "extended_L2_tunnel_egress", fields: &[
        ("length", U32), ("src_mac", Mac), ("dst_mac", Mac), ("type", U32),
    ] },
    Structure { format: 1022, name: "extended_L2_tunnel_ingress", fields: &[
        ("length", U32), ("src_mac", Mac), ("dst_mac", Mac), ("type", U32),
    ] },
    Structure { format: 1023, name: "extended_ipv4_tunnel_egress", fields: &[
        ("length", U32), ("protocol", U32), ("src_ip", Ip4), ("dst_ip", Ip4), ("src_port", U32), ("dst_port", U32),
        ("tcp_flags", U32), ("tos", U32),
    ] },
    Structure { format: 1024, name: "extended_ipv4_tunnel_ingress", fields: &[
        ("length", U32), ("protocol", U32), ("src_ip", Ip4), ("dst_ip", Ip4), ("src_port", U32), ("dst_port", U32),
        ("tcp_flags", U32), ("tos", U32),
    ] },
    Structure { format: 1025, name: "extended_ipv6_tunnel_egress", fields: &[
        ("length", U32), ("protocol", U32), ("src_ip", Ip6), ("dst_ip", Ip6), ("src_port", U32), ("dst_port", U32),
        ("tcp_flags", U32), ("priority", U32),
    ] },
    Structure { format: 1026, name: "extended_ipv6_tunnel_ingress", fields: &[
        ("length", U32), ("protocol", U32), ("src_ip", Ip6), ("dst_ip", Ip6), ("src_port", U32), ("dst_port", U32),
        ("tcp_flags", U32), ("priority", U32),
    ] },
    Structure { format: 1027, name: "extended_decapsulate_egress", fields: &[
        ("inner_header_offset", U32),
    ] },
    Structure { format: 1028, name: "extended_decapsulate_ingress", fields: &[
        ("inner_header_offset", U32),
    ] },
    Structure { format: 1029, name: "extended_vni_egress", fields: &[
        ("vni", U32),
    ] },
    Structure { format: 1030, name: "extended_vni_ingress", fields: &[
        ("vni", U32),
    ] },
    Structure { format: 1036, name: "extended_egress_queue", fields: &[
        ("queue", U32),
    ] },
    Structure { format: 1037, name: "extended_acl", fields: &[
        ("number", U32), ("name", Text), ("direction", U32),
    ] },
    Structure { format: 1038, name: "extended_function", fields: &[
        ("symbol", Text),
    ] },
    Structure { format: 1039, name: "extended_transit", fields: &[
        ("delay", U32),
    ] },
    Structure { format: 1040, name: "extended_queue", fields: &[
        ("depth", U32),
    ] },
    Structure { format: 1041, name: "extended_hw_trap", fields: &[
        ("group", Text), ("trap", Text),
    ] },
    Structure { format: 1042, name: "extended_linux_drop_reason", fields: &[
        ("reason", Text),
    ] },
    Structure { format: 2100, name: "extended_socket_ipv4", fields: &[
        ("protocol", U32), ("local_ip", Ip4), ("remote_ip", Ip4), ("local_port", U32), ("remote_port", U32),
    ] },
    Structure { format: 2101, name: "extended_socket_ipv6", fields: &[
        ("protocol", U32), ("local_ip", Ip6), ("remote_ip", Ip6), ("local_port", U32), ("remote_port", U32),
    ] },
    Structure { format: 2102, name: "extended_proxy_socket_ipv4", fields: &[
        ("protocol", U32), ("local_ip", Ip4), ("remote_ip", Ip4), ("local_port", U32), ("remote_port", U32),
    ] },
    Structure { format: 2103, name: "extended_proxy_socket_ipv6", fields: &[
        ("protocol", U32), ("local_ip", Ip6), ("remote_ip", Ip6), ("local_port", U32), ("remote_port", U32),
    ] },
    Structure { format: 2200, name: "memcache_operation", fields: &[
        ("protocol", U32), ("cmd", U32), ("key", Text), ("nkeys", U32), ("value_bytes", U32), ("duration", U32),
        ("status", U32),
    ] },
    Structure { format: 2202, name: "app_operation", fields: &[
        ("application", Text), ("operation", Text), ("attributes", Text), ("status_descr", Text), ("req_bytes", U64),
        ("resp_bytes", U64), ("duration", U32), ("status", U32),
    ] },
    Structure { format: 2203, name: "app_parent_context", fields: &[
        ("application", Text), ("operation", Text), ("attributes", Text),
    ] },
    Structure { format: 2204, name: "app_initiator", fields: &[
        ("actor", Text),
    ] },
    Structure { format: 2205, name: "app_target", fields: &[
        ("actor", Text),
    ] },
    Structure { format: 2207, name: "extended_proxy_request", fields: &[
        ("uri", Text), ("host", Text),
    ] },
    Structure { format: 2209, name: "extended_tcp_info", fields: &[
        ("direction", U32), ("snd_mss", U32), ("rcv_mss", U32), ("unacked", U32), ("lost", U32), ("retrans", U32),
        ("pmtu", U32), ("rtt", U32), ("rttvar", U32), ("snd_cwnd", U32), ("reordering", U32), ("min_rtt", U32),
    ] },
    Structure { format: 2210, name: "extended_entities", fields: &[
        ("src_ds_class", U32), ("src_ds_index", U32), ("dst_ds_class", U32), ("dst_ds_index", U32),
    ] },
];

/// Structures of counter samples.
#[rustfmt::skip]
pub(super) const COUNTER_STRUCTURES: &[Structure] = &[
    Structure { format: 2, name: "ethernet_counters", fields: &[
        ("dot3StatsAlignmentErrors", U32), ("dot3StatsFCSErrors", U32), ("dot3StatsSingleCollisionFrames", U32),
        ("dot3StatsMultipleCollisionFrames", U32), ("dot3StatsSQETestErrors", U32), ("dot3StatsDeferredTransmissions", U32),
        ("dot3StatsLateCollisions", U32), ("dot3StatsExcessiveCollisions", U32), ("dot3StatsInternalMacTransmitErrors", U32),
        ("dot3StatsCarrierSenseErrors", U32), ("dot3StatsFrameTooLongs", U32), ("dot3StatsInternalMacReceiveErrors", U32),
        ("dot3StatsSymbolErrors", U32),
    ] },
    Structure { format: 3, name: "tokenring_counters", fields: &[
        ("dot5StatsLineErrors", U32), ("dot5StatsBurstErrors", U32), ("dot5StatsACErrors", U32),
        ("dot5StatsAbortTransErrors", U32), ("dot5StatsInternalErrors", U32), ("dot5StatsLostFrameErrors", U32),
        ("dot5StatsReceiveCongestions", U32), ("dot5StatsFrameCopiedErrors", U32), ("dot5StatsTokenErrors", U32),
        ("dot5StatsSoftErrors", U32), ("dot5StatsHardErrors", U32), ("dot5StatsSignalLoss", U32),
        ("dot5StatsTransmitBeacons", U32), ("dot5StatsRecoverys", U32), ("dot5StatsLobeWires", U32), ("dot5StatsRemoves", U32),
        ("dot5StatsSingles", U32), ("dot5StatsFreqErrors", U32),
    ] },
    Structure { format: 4, name: "vg_counters", fields: &[
        ("dot12InHighPriorityFrames", U32), ("dot12InHighPriorityOctets", U64), ("dot12InNormPriorityFrames", U32),
        ("dot12InNormPriorityOctets", U64), ("dot12InIPMErrors", U32), ("dot12InOversizeFrameErrors", U32),
        ("dot12InDataErrors", U32), ("dot12InNullAddressedFrames", U32), ("dot12OutHighPriorityFrames", U32),
        ("dot12OutHighPriorityOctets", U64), ("dot12TransitionIntoTrainings", U32), ("dot12HCInHighPriorityOctets", U64),
        ("dot12HCInNormPriorityOctets", U64), ("dot12HCOutHighPriorityOctets", U64),
    ] },
    Structure { format: 5, name: "vlan_counters", fields: &[
        ("vlan_id", U32), ("octets", U64), ("ucastPkts", U32), ("multicastPkts", U32), ("broadcastPkts", U32),
        ("discards", U32),
    ] },
    Structure { format: 6, name: "ieee80211_counters", fields: &[
        ("dot11TransmittedFragmentCount", U32), ("dot11MulticastTransmittedFrameCount", U32), ("dot11FailedCount", U32),
        ("dot11RetryCount", U32), ("dot11MultipleRetryCount", U32), ("dot11FrameDuplicateCount", U32),
        ("dot11RTSSuccessCount", U32), ("dot11RTSFailureCount", U32), ("dot11ACKFailureCount", U32),
        ("dot11ReceivedFragmentCount", U32), ("dot11MulticastReceivedFrameCount", U32), ("dot11FCSErrorCount", U32),
        ("dot11TransmittedFrameCount", U32), ("dot11WEPUndecryptableCount", U32), ("dot11QoSDiscardedFragmentCount", U32),
        ("dot11AssociatedStationCount", U32), ("dot11QoSCFPollsReceivedCount", U32), ("dot11QoSCFPollsUnusedCount", U32),
        ("dot11QoSCFPollsUnusableCount", U32), ("dot11QoSCFPollsLostCount", U32),
    ] },
    Structure { format: 7, name: "lag_port_stats", fields: &[
        ("dot3adAggPortActorSystemID", Mac), ("dot3adAggPortPartnerOperSystemID", Mac), ("dot3adAggPortAttachedAggID", U32),
        ("dot3adAggPortState", U32), ("dot3adAggPortStatsLACPDUsRx", U32), ("dot3adAggPortStatsMarkerPDUsRx", U32),
        ("dot3adAggPortStatsMarkerResponsePDUsRx", U32), ("dot3adAggPortStatsUnknownRx", U32),
        ("dot3adAggPortStatsIllegalRx", U32), ("dot3adAggPortStatsLACPDUsTx", U32), ("dot3adAggPortStatsMarkerPDUsTx", U32),
        ("dot3adAggPortStatsMarkerResponsePDUsTx", U32),
    ] },
    Structure { format: 8, name: "slow_path_counts", fields: &[
        ("unknown", U32), ("other", U32), ("cam_miss", U32), ("cam_full", U32), ("no_hw_support", U32), ("cntrl", U32),
    ] },
    Structure { format: 10, name: "sfp", fields: &[
        ("module_id", U32), ("module_num_lanes", U32), ("module_supply_voltage", U32), ("module_temperature", I32),
        ("lanes", Items(&[("lane_index", U32), ("tx_bias_current", U32), ("tx_power", U32), ("tx_power_min", U32), ("tx_power_max", U32), ("tx_wavelength", U32), ("rx_power", U32), ("rx_power_min", U32), ("rx_power_max", U32), ("rx_wavelength", U32)])),
    ] },
    Structure { format: 1001, name: "processor", fields: &[
        ("cpu_5s", U32), ("cpu_1m", U32), ("cpu_5m", U32), ("total_memory", U64), ("free_memory", U64),
    ] },
    Structure { format: 1002, name: "radio_utilization", fields: &[
        ("elapsed_time", U32), ("on_channel_time", U32), ("on_channel_busy_time", U32),
    ] },
    Structure { format: 1004, name: "of_port", fields: &[
        ("datapath_id", U64), ("port_no", U32),
    ] },
    Structure { format: 2000, name: "host_descr", fields: &[
        ("hostname", Text), ("uuid", Uuid), ("machine_type", U32), ("os_name", U32), ("os_release", Text),
    ] },
    Structure { format: 2001, name: "host_adapters", fields: &[
        ("adapters", Items(&[("ifIndex", U32), ("mac_address", Macs)])),
    ] },
    Structure { format: 2002, name: "host_parent", fields: &[
        ("container_type", U32), ("container_index", U32),
    ] },
    Structure { format: 2003, name: "host_cpu", fields: &[
        ("load_one", F32), ("load_five", F32), ("load_fifteen", F32), ("proc_run", U32), ("proc_total", U32), ("cpu_num", U32),
        ("cpu_speed", U32), ("uptime", U32), ("cpu_user", U32), ("cpu_nice", U32), ("cpu_system", U32), ("cpu_idle", U32),
        ("cpu_wio", U32), ("cpu_intr", U32), ("cpu_sintr", U32), ("interrupts", U32), ("contexts", U32),
    ] },
    Structure { format: 2004, name: "host_memory", fields: &[
        ("mem_total", U64), ("mem_free", U64), ("mem_shared", U64), ("mem_buffers", U64), ("mem_cached", U64),
        ("swap_total", U64), ("swap_free", U64), ("page_in", U32), ("page_out", U32), ("swap_in", U32), ("swap_out", U32),
    ] },
    Structure { format: 2005, name: "host_disk_io", fields: &[
        ("disk_total", U64), ("disk_free", U64), ("part_max_used", U32), ("reads", U32), ("bytes_read", U64),
        ("read_time", U32), ("writes", U32), ("bytes_written", U64), ("write_time", U32),
    ] },
    Structure { format: 2006, name: "host_net_io", fields: &[
        ("bytes_in", U64), ("pkts_in", U32), ("errs_in", U32), ("drops_in", U32), ("bytes_out", U64), ("packets_out", U32),
        ("errs_out", U32), ("drops_out", U32),
    ] },
    Structure { format: 2007, name: "mib2_ip_group", fields: &[
        ("ipForwarding", U32), ("ipDefaultTTL", U32), ("ipInReceives", U32), ("ipInHdrErrors", U32), ("ipInAddrErrors", U32),
        ("ipForwDatagrams", U32), ("ipInUnknownProtos", U32), ("ipInDiscards", U32), ("ipInDelivers", U32),
        ("ipOutRequests", U32), ("ipOutDiscards", U32), ("ipOutNoRoutes", U32), ("ipReasmTimeout", U32), ("ipReasmReqds", U32),
        ("ipReasmOKs", U32), ("ipReasmFails", U32), ("ipFragOKs", U32), ("ipFragFails", U32), ("ipFragCreates", U32),
    ] },
    Structure { format: 2008, name: "mib2_icmp_group", fields: &[
        ("icmpInMsgs", U32), ("icmpInErrors", U32), ("icmpInDestUnreachs", U32), ("icmpInTimeExcds", U32),
        ("icmpInParamProbs", U32), ("icmpInSrcQuenchs", U32), ("icmpInRedirects", U32), ("icmpInEchos", U32),
        ("icmpInEchoReps", U32), ("icmpInTimestamps", U32), ("icmpInAddrMasks", U32), ("icmpInAddrMaskReps", U32),
        ("icmpOutMsgs", U32), ("icmpOutErrors", U32), ("icmpOutDestUnreachs", U32), ("icmpOutTimeExcds", U32),
        ("icmpOutParamProbs", U32), ("icmpOutSrcQuenchs", U32), ("icmpOutRedirects", U32), ("icmpOutEchos", U32),
        ("icmpOutEchoReps", U32), ("icmpOutTimestamps", U32), ("icmpOutTimestampReps", U32), ("icmpOutAddrMasks", U32),
        ("icmpOutAddrMaskReps", U32),
    ] },
    Structure { format: 2009, name: "mib2_tcp_group", fields: &[
        ("tcpRtoAlgorithm", U32), ("tcpRtoMin", U32), ("tcpRtoMax", U32), ("tcpMaxConn", U32), ("tcpActiveOpens", U32),
        ("tcpPassiveOpens", U32), ("tcpAttemptFails", U32), ("tcpEstabResets", U32), ("tcpCurrEstab", U32), ("tcpInSegs", U32),
        ("tcpOutSegs", U32), ("tcpRetransSegs", U32), ("tcpInErrs", U32), ("tcpOutRsts", U32), ("tcpInCsumErrs", U32),
    ] },
    Structure { format: 2010, name: "mib2_udp_group", fields: &[
        ("udpInDatagrams", U32), ("udpNoPorts", U32), ("udpInErrors", U32), ("udpOutDatagrams", U32), ("udpRcvbufErrors", U32),
        ("udpSndbufErrors", U32), ("udpInCsumErrors", U32),
    ] },
    Structure { format: 2100, name: "virt_node", fields: &[
        ("mhz", U32), ("cpus", U32), ("memory", U64), ("memory_free", U64), ("num_domains", U32),
    ] },
    Structure { format: 2101, name: "virt_cpu", fields: &[
        ("state", U32), ("cpuTime", U32), ("nrVirtCpu", U32),
    ] },
    Structure { format: 2102, name: "virt_memory", fields: &[
        ("memory", U64), ("maxMemory", U64),
    ] },
    Structure { format: 2103, name: "virt_disk_io", fields: &[
        ("capacity", U64), ("allocation", U64), ("available", U64), ("rd_req", U32), ("rd_bytes", U64), ("wr_req", U32),
        ("wr_bytes", U64), ("errs", U32),
    ] },
    Structure { format: 2104, name: "virt_net_io", fields: &[
        ("rx_bytes", U64), ("rx_packets", U32), ("rx_errs", U32), ("rx_drop", U32), ("tx_bytes", U64), ("tx_packets", U32),
        ("tx_errs", U32), ("tx_drop", U32),
    ] },
    Structure { format: 2105, name: "jvm_runtime", fields: &[
        ("vm_name", Text), ("vm_vendor", Text), ("vm_version", Text),
    ] },
    Structure { format: 2106, name: "jvm_statistics", fields: &[
        ("heap_initial", U64), ("heap_used", U64), ("heap_committed", U64), ("heap_max", U64), ("non_heap_initial", U64),
        ("non_heap_used", U64), ("non_heap_committed", U64), ("non_heap_max", U64), ("gc_count", U32), ("gc_time", U32),
        ("classes_loaded", U32), ("classes_total", U32), ("classes_unloaded", U32), ("compilation_time", U32),
        ("thread_num_live", U32), ("thread_num_daemon", U32), ("thread_num_started", U32), ("fd_open_count", U32),
        ("fd_max_count", U32),
    ] },
    Structure { format: 2201, name: "http_counters", fields: &[
        ("method_option_count", U32), ("method_get_count", U32), ("method_head_count", U32), ("method_post_count", U32),
        ("method_put_count", U32), ("method_delete_count", U32), ("method_trace_count", U32), ("method_connect_count", U32),
        ("method_other_count", U32), ("status_1XX_count", U32), ("status_2XX_count", U32), ("status_3XX_count", U32),
        ("status_4XX_count", U32), ("status_5XX_count", U32), ("status_other_count", U32),
    ] },
    Structure { format: 2202, name: "app_operations", fields: &[
        ("application", Text), ("success", U32), ("other", U32), ("timeout", U32), ("internal_error", U32),
        ("bad_request", U32), ("forbidden", U32), ("too_large", U32), ("not_implemented", U32), ("not_found", U32),
        ("unavailable", U32), ("unauthorized", U32),
    ] },
    Structure { format: 2203, name: "app_resources", fields: &[
        ("user_time", U32), ("system_time", U32), ("mem_used", U64), ("mem_max", U64), ("fd_open", U32), ("fd_max", U32),
        ("conn_open", U32), ("conn_max", U32),
    ] },
    Structure { format: 2204, name: "memcache_counters", fields: &[
        ("cmd_set", U32), ("cmd_touch", U32), ("cmd_flush", U32), ("get_hits", U32), ("get_misses", U32), ("delete_hits", U32),
        ("delete_misses", U32), ("incr_hits", U32), ("incr_misses", U32), ("decr_hits", U32), ("decr_misses", U32),
        ("cas_hits", U32), ("cas_misses", U32), ("cas_badval", U32), ("auth_cmds", U32), ("auth_errors", U32), ("threads", U32),
        ("conn_yields", U32), ("listen_disabled_num", U32), ("curr_connections", U32), ("rejected_connections", U32),
        ("total_connections", U32), ("connection_structures", U32), ("evictions", U32), ("reclaimed", U32), ("curr_items", U32),
        ("total_items", U32), ("bytes_read", U64), ("bytes_written", U64), ("bytes", U64), ("limit_maxbytes", U64),
    ] },
    Structure { format: 2206, name: "app_workers", fields: &[
        ("workers_active", U32), ("workers_idle", U32), ("workers_max", U32), ("req_delayed", U32), ("req_dropped", U32),
    ] },
    Structure { format: 2207, name: "ovs_dp_stats", fields: &[
        ("hits", U32), ("misses", U32), ("lost", U32), ("mask_hits", U32), ("flows", U32), ("masks", U32),
    ] },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_by_format() {
        for list in [FLOW_STRUCTURES, COUNTER_STRUCTURES] {
            assert!(list.is_sorted_by(|one, other| one.format < other.format));
        }
    }
}
