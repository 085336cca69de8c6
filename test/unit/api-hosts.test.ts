import test from 'ava'
import { Hosts } from '../../src/api/hosts.js'
import { limits } from '../../src/limits.js'

test('bound to loopback: loopback in every spelling, with any port', (t) => {
  const hosts = new Hosts('127.0.0.1', [])
  const allowed = [
    'localhost',
    'LocalHost',
    'localhost:7400',
    'localhost:1',
    'localhost:65535',
    'localhost:',
    'localhost.',
    'localhost.:80',
    '127.0.0.1',
    '127.0.0.1:80',
    '127.0.0.2',
    '127.255.255.254:9',
    '[::1]',
    '[::1]:7400',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]:5',
  ]
  for (const host of allowed) t.true(hosts.allows(host, '127.0.0.1'), host)
})

test('bound to loopback: nothing that only looks like it', (t) => {
  const hosts = new Hosts('127.0.0.1', [])
  const refused = [
    '',
    ':80',
    '127.evil.com',
    '127.0.0.1.evil.com',
    'localhost.evil.com',
    'evil.com',
    'evil.com.',
    'localhost..',
    '.localhost',
    'evil-localhost',
    'localhost:99999',
    'localhost:65536',
    'localhost:-1',
    'localhost:80:80',
    'localhost:8o',
    'localhost:80@evil.com',
    'evil.com@localhost',
    'localhost/',
    'localhost, evil.com',
    'local host',
    '127.1',
    '127.0.0.1.',
    '0127.0.0.1',
    '2130706433',
    '0x7f.0.0.1',
    '127.0.0.256',
    '0.0.0.0',
    '::1',
    '[::1',
    '::1]',
    '[::2]',
    '[localhost]',
    '[127.0.0.1]',
    '[::1%25lo]',
    '[::1]evil',
    '10.0.0.1',
    'ｌocalhost',
    'localhost\0',
  ]
  for (const host of refused) t.false(hosts.allows(host, '127.0.0.1'), host)
})

test('the listen host and further names are answered, as names and not as suffixes', (t) => {
  const hosts = new Hosts('10.1.2.3', ['db1.example.com', 'DB2.example.com.', '[2001:DB8::1]', '2001:db8::2'])
  for (const host of [
    '10.1.2.3',
    '10.1.2.3:1',
    'db1.example.com',
    'DB1.Example.com.:80',
    'db2.example.com',
    '[2001:db8:0::1]:7',
    '[2001:db8::2]',
  ])
    t.true(hosts.allows(host, '10.1.2.3'), host)
  for (const host of [
    'localhost',
    '127.0.0.1',
    '10.1.2.4',
    'example.com',
    'x.db1.example.com',
    'db1.example.com.evil',
    '[2001:db8::3]',
  ])
    t.false(hosts.allows(host, '10.1.2.3'), host)
})

test('bound to a wildcard: loopback, further names, and the address at which the connection arrived', (t) => {
  for (const listen of ['0.0.0.0', '::', '']) {
    const hosts = new Hosts(listen, ['db1'])
    for (const host of ['localhost:1', '127.0.0.1', '[::1]', 'db1:7400', '10.0.0.7:7400'])
      t.true(hosts.allows(host, '10.0.0.7'), host)
    t.true(hosts.allows('10.0.0.7', '::ffff:10.0.0.7'))
    t.true(hosts.allows('[fe80::0:1]', 'fe80::1'))
    for (const host of ['10.0.0.8', 'evil.com', '', '0.0.0.0.evil.com'])
      t.false(hosts.allows(host, '10.0.0.7'), host)
    t.false(hosts.allows('10.0.0.7', undefined))
  }
})

test('the longest name is taken, one character more is not', (t) => {
  const name = `${'n'.repeat(63)}.`.repeat(4).slice(0, 253)
  const hosts = new Hosts('localhost', [name])
  t.true(hosts.allows(`${name}.:65535`, '127.0.0.1'))
  t.false(hosts.allows(`n${name}.:65535`, '127.0.0.1'))
  t.false(new Hosts('localhost', [`n${name}`]).allows(`n${name}`, '127.0.0.1'))
})

test('what is remembered of spellings is bounded, and stays right', (t) => {
  const hosts = new Hosts('localhost', [])
  for (let port = 0; port < limits.hostSpellings * 3; port++) {
    t.true(hosts.allows(`localhost:${port}`, '127.0.0.1'))
    t.false(hosts.allows(`evil${port}.com`, '127.0.0.1'))
  }
})
