import { expect, test } from 'vitest';
import { canFilter, narrowed, test as testOf, without } from '../../src/ask/filter';

test('values become tests of the filter language', () => {
  expect(testOf('src_addr', '10.0.0.1')).toBe('src_addr = 10.0.0.1');
  expect(testOf('src_addr/24', '10.0.0.0/24')).toBe('src_addr = 10.0.0.0/24');
  expect(testOf('dst_addr', '2001:db8::1')).toBe('dst_addr = 2001:db8::1');
  expect(testOf('server_port', 443)).toBe('server port = 443');
  expect(testOf('nat_ip', '192.0.2.3')).toBe('nat ip = 192.0.2.3');
  expect(testOf('nat_src_addr', '192.0.2.3')).toBe('nat_src_addr = 192.0.2.3');
  expect(testOf('time_suspect', true)).toBe('time_suspect = true');
  expect(testOf('app', null)).toBe('not app exists');
  expect(testOf('application', 'dns')).toBe('(app = "dns" or not app exists and app_name = "dns")');
  expect(testOf('application', null)).toBe('not app exists and not app_name exists');
  expect(canFilter('minute')).toBe(false);
});

test('texts of exporters are quoted so that they stay texts', () => {
  expect(testOf('http_host', 'a" or any #')).toBe('http_host = "a\\" or any #"');
  expect(testOf('http_host', 'back\\slash\n\u0007')).toBe('http_host = "back\\\\slash\\n\\u{7}"');
});

test('a filter keeps its meaning when a test is added', () => {
  expect(narrowed('', 'port = 53')).toBe('port = 53');
  expect(narrowed('any', 'port = 53')).toBe('port = 53');
  expect(narrowed('tcp or udp', 'port = 53')).toBe('(tcp or udp) and port = 53');
  expect(narrowed('tcp # all of it', 'port = 53')).toBe('(tcp # all of it\n) and port = 53');
  expect(without('tcp', 'port = 53')).toBe('tcp and not port = 53');
  expect(without('', 'port = 53 and udp')).toBe('not (port = 53 and udp)');
});
