# A message of FastNetMon Flow: one packet, or one record of a flow. Not packed; without defaults, so what is left out is zero.
@0xa8a892437a5fd28f;

struct SimplePacketType {
  source                  @0  :UInt8;   # 0 unknown, 1 mirrored packet, 2 sFlow, 3 NetFlow or IPFIX, 4 FastNetMon Flow
  sampleRatio             @1  :UInt32;  # 1 packet in so many was seen, at least 1
  srcIp                   @2  :UInt32;  # the four octets of the address in reading order, as they lie in memory: 192.0.2.1 is 0x010200c0
  dstIp                   @3  :UInt32;
  srcIpv6                 @4  :Data;    # 16 octets, where ipProtocolVersion is 6
  dstIpv6                 @5  :Data;
  srcAsn                  @6  :UInt32;  # 0 is unknown, here and in the next three
  dstAsn                  @7  :UInt32;
  inputInterface          @8  :UInt32;
  outputInterface         @9  :UInt32;
  ipProtocolVersion       @10 :UInt8;   # 4 or 6
  ttl                     @11 :UInt8;   # 0 is unknown
  sourcePort              @12 :UInt16;
  destinationPort         @13 :UInt16;
  protocol                @14 :UInt32;  # IANA number: 6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6
  length                  @15 :UInt64;  # octets of all packets before sampling; of frames for packets and sFlow, of IP packets for flows
  numberOfPackets         @16 :UInt64;  # at least 1
  flags                   @17 :UInt8;   # TCP: fin 1, syn 2, rst 4, psh 8, ack 16, urg 32
  ipFragmented            @18 :Bool;
  ipDontFragment          @19 :Bool;
  tsSec                   @20 :Int64;   # seconds since 1970; 0 is unknown
  tsMsec                  @21 :Int64;   # the part below a second, in microseconds, whatever its name says
  packetPayloadLength     @22 :Int32;   # octets of the packet that were captured
  packetPayloadFullLength @23 :UInt32;  # octets that it had
  packetDirection         @24 :UInt8;   # 0 incoming, 1 outgoing, 2 internal, 3 other; by the sender's networks
  agentIpAddress          @25 :UInt32;  # IPv4 address of the exporter, as srcIp; 0 is whoever sends
  srcMac                  @26 :Data;    # 6 octets
  dstMac                  @27 :Data;
  ipLength                @28 :UInt64;  # octets of IP headers and payloads; 0 is length
}
