# Every fault of the sandbox on every kind of request that a route or function
# sends, alone and among concurrent ones: the error that docs/errors.md names,
# or the documented normal case with exactly the right rows.  Never a part of
# them in silence, and the next statement works.
#
# What comes of a fault depends on the shape of the request that it hits:
#
#   array     GET /company, whole
#   object    one thing that the statement names; 404: no row
#   page      first page of a company that the statement names; 404: no row
#   listed    first page of a company that was listed; 404: gone, with a warning
#   total     like page, asked for its total alone; counted: like listed
#   later     a page from 2 on
#   detail    one thing that was listed; 404: gone, with a warning
#   check     one thing that an act is about to change
#   link      GET of a link; post: POST that answers one
#   write     PATCH
#   ping
#
# and on little else, so it is a table.

use strict;
use warnings;

use Fixture;
use JSON::PP;
use MIME::Base64;
use Test::More;

my $yes = JSON::PP::true;
my $sandbox_size = { companies => 5, connections => 14, accounts => 2 };
my %options = (page_size => 2, max_retries => 0, max_response_size => '1MB', request_timeout => '20s');
my $fixture = Fixture->new(sandbox => $sandbox_size, options => \%options);
my $sandbox = $fixture->sandbox;
my $http = $sandbox->http . '/v2.2';

# ---- faults ----

sub status { my ($status, %more) = @_; return { kind => 'status', status => $status, %more }; }
sub body   { my ($bytes) = @_; return { kind => 'body', body_base64 => encode_base64($bytes, '') }; }
sub patch  { my (%how) = @_; return { kind => 'patch', %how }; }

# Acts: what may have happened is told from what has not.
my %maybe = (write => 'NC008', post => 'NC008');
my %done = (write => 'rows', ping => 'rows');
my %foreign = (%maybe, ping => 'NC004');
my %absent = (
	object => 'less', page => 'less', total => 'less',
	listed => 'less!', counted => 'less!', detail => 'less!');

# Name, what the sandbox does, what comes of it, and what else for some shapes:
#   a SQLSTATE
#   rows      all of them, as if nothing had happened
#   ids       all of them, with other values
#   less      all but those that the request was to bring
#   none      none, as nothing was listed
#   undef     nobody can tell that anything is wrong, or only in part
# each of them with "!" where there is a warning, too.
my @faults = (
	[ 'status 204', status(204, body => ''), 'NC001', %done ],
	[ 'status 206', status(206), '08006', %maybe ],
	[ 'status 301', status(301), 'NC300' ],
	[ 'status 400', status(400), 'NC400' ],
	[ 'status 401', status(401), 'NC401' ],
	[ 'status 403', status(403), 'NC403' ],
	[ 'status 404', status(404), 'NC404', %absent ],
	[ 'status 409', status(409), 'NC409' ],
	[ 'status 418', status(418), 'NC499' ],
	[ 'status 429', status(429), 'NC429' ],
	[ 'status 500', status(500), 'NC500' ],
	[ 'status 501', status(501), 'NC500' ],
	[ 'status 502', status(502), 'NC500', %maybe ],
	[ 'status 503', status(503), 'NC500' ],
	[ 'status 504', status(504), 'NC500', %maybe ],
	[ '503 as HTML', status(503, body => '<html>Busy</html>', content_type => 'text/html'), 'NC500', %maybe ],
	[ 'delay', { kind => 'delay', delay_ms => 5 }, 'rows' ],
	[ 'late', { kind => 'delay', delay_ms => 2000 }, 'NC408', %maybe ],
	[ 'hang', { kind => 'hang' }, 'NC408', %maybe ],
	[ 'trickle', { kind => 'trickle', delay_ms => 20 }, 'NC408', %maybe ],
	[ 'reset', { kind => 'reset' }, '08006', %maybe ],
	[ 'read_close', { kind => 'read_close' }, '08006', %maybe ],
	[ 'truncate', { kind => 'truncate' }, '08006', %maybe ],
	[ 'malformed', { kind => 'malformed' }, 'NC001', %foreign ],
	[ 'html', { kind => 'html' }, 'NC001', %foreign ],
	[ 'wrong_envelope', { kind => 'wrong_envelope' }, 'NC002', %done ],
	[ 'no_accounts', { kind => 'no_accounts' }, 'rows' ],
	[ 'no_accounts, missing', { kind => 'no_accounts', missing => $yes }, 'rows' ],
	[ 'no_sites', { kind => 'no_sites' }, 'rows' ],
	[ 'no_sites, missing', { kind => 'no_sites', missing => $yes }, 'rows' ],
	[   'unknown_label', { kind => 'unknown_label', label => 'SLEEPING' }, 'rows',
		map { $_ => 'ids!' } qw(object page listed later) ],
	[ 'repeat_page', { kind => 'repeat_page' }, 'rows', later => 'NC003' ],
	[ 'total_changes', { kind => 'total_changes' }, 'rows', later => 'rows!' ],
	[ 'shrink', { kind => 'shrink' }, 'rows', later => 'less!' ],
	[ 'not_found', { kind => 'not_found' }, 'NC404', %absent ],
	[ 'not_found_html', { kind => 'not_found_html' }, 'NC004' ],
	[ 'redirect', { kind => 'redirect', location => "$http/company" }, 'NC300' ],
	[ 'empty', body(''), 'NC001', %done ],
	[ '[]', body('[]'), 'NC002', %done, array => 'none' ],
	[ '{}', body('{}'), 'NC002', %done ],
	[ 'null', body('null'), 'NC002', %done ],
	[ '[null]', body('[null]'), 'NC002', %done ],
	[ 'bad UTF-8', body("{\"id\": \"\xff\"}"), 'NC002', %done ],
	[ 'a NUL', body("{\"id\": \"\0\"}"), 'NC001', %foreign ],
	[ 'two values', body('{}{}'), 'NC001', %foreign ],
	[ '100,000 levels', body('[' x 100_000), 'NC001', %foreign ],
	[ 'id missing', patch(unset => ['id']), 'NC002', %done, map { $_ => 'rows' } qw(check link post) ],
	[ 'id a number', patch(set => { id => 7 }), 'NC002', %done, post => 'rows' ],
	[   'id of another', patch(set => { id => $fixture->connection(4000) }), undef, %done,
		map { $_ => 'NC002' } qw(object detail check link) ],
	[ 'more members', patch(set => { newThing => { a => [1] } }), 'rows' ],
	[ 'huge', { kind => 'huge', size => 4_000_000 }, 'NC413', %maybe ],
	[ 'gzip_bomb', { kind => 'gzip_bomb', size => 100_000_000 }, 'NC413', %maybe ],);

# Those that end by request_timeout.
my %is_slow = map { $_ => 1 } qw(late hang trickle);

# What DETAIL begins with; with any other SQLSTATE it is the HTTP status.
my %detail = (
	'08006' => qr/The answer broke off/,
	NC001 => qr/The answer is not well-formed JSON/,
	NC002 => qr/The answer is not what this route answers/,
	NC003 => qr/The answer is not the page that was asked for/,
	NC004 => qr/The answer does not come from the API/,
	NC008 => qr/The request was sent, but no answer of the API came back/,
	NC300 => qr/The server answered with a redirect, which is not followed/,
	NC408 => qr/The request timed out/,
	NC413 => qr/The answer is larger than allowed/);

# ---- questions ----

sub company    { my ($n) = @_; return "'" . $fixture->company($n) . "'"; }
sub connection { my ($n) = @_; return "'" . $fixture->connection($n) . "'"; }
sub array      { my (@ids) = @_; return 'ARRAY[' . join(', ', @ids) . ']::uuid[]'; }

sub listing { my ($n, $query) = @_; return { path => '/connection/company/' . $fixture->company($n), query => $query // '*' }; }
sub details { my ($n) = @_; return { path => '/connection/' . $fixture->connection($n) . '/details' }; }
sub one_company { my ($n) = @_; return { path => '/company/' . $fixture->company($n) }; }

my $companies = { path => '/company' };
my ($acme, $fourth, $fifth) = (company(1), company(4), connection(5));
my $twelve = array(map { connection($_) } 1 .. 12);
my $five = array(map { company($_) } 1 .. 5);

# The third page of two, in a company of fourteen.
sub third_page { my ($n) = @_; return join(', ', map { connection(14 * ($n - 1) + $_) } 5, 6); }

my %of_acme = (rows => "company_id = $acme");
my %of_fourth = (rows => "company_id = $fourth");
my %of_fifth = (rows => "id = $fifth");
my %of_page = (rows => 'id IN (' . third_page(1) . ')');
my %of_fourth_page = (rows => 'id IN (' . third_page(4) . ')');
my %accounts_of_fifth = (rows => "connection_id = $fifth");
my %accounts_of_page = (rows => 'connection_id IN (' . third_page(1) . ')');

# What statements are not about, or show.
my %no_status = (unknown_label => 'rows');
my %shown = ('more members' => 'ids');

# An invitation was made, but which one is not told.
my %no_id = map { $_ => 'NC002' } 'status 204', 'empty', 'id missing', 'id a number';

sub arms { return join ' UNION ALL ', map { "SELECT * FROM {connections} WHERE company_id = $_" } map { company($_) } 1 .. 5; }

my $nested_loop = 'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off';
my $tied = 'a.connection_id = c.id AND a.company_id = c.company_id';
my $no_sites = { kind => 'no_sites', missing => $yes, path => '/company' };

# Name, statement, the shape of the request that faults hit, which one that is,
# how many there are; and
#   rows      which rows of the tables come with it, as a condition; of links,
#             the numbers of their connections
#   but       what comes of some faults here
#   schema    other than api
#   start     settings; given: a fault that is there before
#   plan      what EXPLAIN says
#   task      message of errors, where it does not name a foreign table
#   reports   failures are rows with "f"
my @questions = (

	# routes
	[ 'company by id', "SELECT * FROM {companies} WHERE id = $fourth", 'object', one_company(4), 1,
		rows => "id = $fourth", but => { %no_status, %shown } ],
	[ 'companies', 'SELECT * FROM {companies}', 'array', $companies, 1, but => {%shown} ],
	[ 'sites by company', "SELECT * FROM {sites} WHERE company_id = $fourth", 'object', one_company(4), 1,
		%of_fourth, but => { %no_status, no_sites => 'less', 'no_sites, missing' => 'NC002' } ],
	[ 'sites', 'SELECT * FROM {sites}', 'array', $companies, 1, but => { no_sites => 'rows' } ],
	[ 'sites, looked up', 'SELECT * FROM {sites}', 'detail', one_company(4), 6,
		%of_fourth, given => $no_sites, but => { no_sites => 'less', 'no_sites, missing' => 'NC002' } ],
	[ 'connection by id', "SELECT * FROM {connections} WHERE id = $fifth", 'object', details(5), 1, %of_fifth, but => {%shown} ],
	[ 'fifth of twelve', "SELECT * FROM {connections} WHERE id = ANY ($twelve)", 'object', details(5), 12, %of_fifth, but => {%shown} ],
	[ 'by company', "SELECT * FROM {connections} WHERE company_id = $acme", 'page', listing(1, '*page=1'), 7,
		%of_acme, but => {%shown} ],
	[ 'third page of seven', "SELECT * FROM {connections} WHERE company_id = $acme", 'later', listing(1, '*page=3'), 7,
		%of_page, but => {%shown} ],
	[ 'fourth company of five', "SELECT * FROM {connections} WHERE company_id = ANY ($five)", 'page', listing(4, '*page=1'), 35,
		%of_fourth, but => {%shown} ],
	[ 'by status', "SELECT * FROM {connections} WHERE company_id = $acme AND status IN ('UNDER_INVESTIGATION', 'PENDING')", 'page',
		listing(1, '*status=UNDER_INVESTIGATION*'), 2, rows => "company_id = $acme AND status = 'UNDER_INVESTIGATION'",
		but => { %shown, unknown_label => 'less!' } ],
	[ 'by name', q{SELECT * FROM {connections} WHERE company_name = 'Acme'}, 'array', $companies, 8 ],
	[ 'by name, listing', q{SELECT * FROM {connections} WHERE company_name = 'Acme'}, 'listed', listing(1, '*page=1'), 8,
		%of_acme, but => {%shown} ],
	[ 'by external id', q{SELECT * FROM {connections} WHERE company_external_id = (SELECT external_id FROM copies.companies LIMIT 1)},
		'array', $companies, 8 ],
	[ 'all', 'SELECT * FROM {connections}', 'array', $companies, 36 ],
	[ 'all, fourth company', 'SELECT * FROM {connections}', 'listed', listing(4, '*page=1'), 36, %of_fourth, but => {%shown} ],
	[ 'all, third page', 'SELECT * FROM {connections}', 'later', listing(4, '*page=3'), 36, %of_fourth_page, but => {%shown} ],
	[ 'accounts by connection', "SELECT * FROM {accounts} WHERE connection_id = ANY ($twelve)", 'object', details(5), 12,
		%accounts_of_fifth, but => {%no_status} ],
	[ 'accounts by company', "SELECT * FROM {accounts} WHERE company_id = $acme", 'page', listing(1, '*page=1'), 7,
		%of_acme, but => {%no_status} ],
	[ 'accounts, third page', "SELECT * FROM {accounts} WHERE company_id = $acme", 'later', listing(1, '*page=3'), 7,
		%accounts_of_page, but => { %no_status, no_accounts => 'less' } ],
	[ 'accounts, looked up', "SELECT * FROM {accounts} WHERE company_id = $acme", 'detail', details(5), 21,
		schema => 'detailed', %accounts_of_fifth ],
	[ 'all accounts', 'SELECT * FROM {accounts}', 'listed', listing(4, '*page=1'), 36, %of_fourth, but => {%no_status} ],
	[ 'all accounts, looked up', 'SELECT * FROM {accounts}', 'detail', details(5), 106, schema => 'detailed', %accounts_of_fifth ],

	# plans
	[ 'async append', arms(), 'page', listing(4, '*page=1'), 35, %of_fourth, plan => qr/Async Foreign Scan/, but => {%shown} ],
	[ 'async append, third page', arms(), 'later', listing(4, '*page=3'), 35,
		%of_fourth_page, plan => qr/Async Foreign Scan/, but => {%shown} ],
	[ 'join', "SELECT a.* FROM {connections} c JOIN {accounts} a ON $tied WHERE c.company_id = $acme", 'later', listing(1, '*page=3'), 7,
		rows => 'connection_id IN (' . third_page(1) . ')', but => { %no_status, no_accounts => 'less' } ],
	[ 'self-join', "SELECT c.* FROM {connections} c JOIN {connections} d ON c.id = d.id WHERE c.company_id = $acme AND d.company_id = $acme",
		'later', listing(1, '*page=3'), 7, %of_page, but => {%shown} ],
	[ 'nested loop', 'SELECT c.* FROM wanted w JOIN {connections} c ON c.id = w.id', 'object', details(5), 12,
		%of_fifth, start => $nested_loop, plan => qr/Nested Loop.*Route: by id/s, but => {%shown} ],
	[ 'nested loop, listings', 'SELECT c.* FROM wanted_companies w JOIN {connections} c ON c.company_id = w.id', 'page',
		listing(4, '*page=1'), 35, %of_fourth, start => $nested_loop, plan => qr/Nested Loop.*Route: by company/s, but => {%shown} ],
	[ 'subqueries', 'SELECT w.id, (SELECT max(c.url) FROM {connections} c WHERE c.company_id = w.id) AS url FROM wanted_companies w', 'page',
		listing(4, '*page=1'), 35, %of_fourth, plan => qr/SubPlan/, but => {%no_status} ],
	[ 'limit', "SELECT * FROM {connections} WHERE company_id = $acme LIMIT 5", 'later', listing(1, '*page=3'), 3,
		but => { %shown, shrink => undef } ],
	[ 'count', "SELECT count(*) AS id FROM {connections} WHERE company_id = $acme", 'total', listing(1), 1,
		%of_acme, plan => qr/Remote Total/ ],
	[ 'count of all', 'SELECT count(*) AS id FROM {connections}', 'array', $companies, 6, plan => qr/Remote Total/ ],
	[ 'count, fourth company', 'SELECT count(*) AS id FROM {connections}', 'counted', listing(4), 6, %of_fourth, plan => qr/Remote Total/ ],
	[ 'count by status', "SELECT count(*) AS id FROM {connections} WHERE company_id = $acme AND status = 'UNDER_INVESTIGATION'", 'total',
		listing(1, '*status=*'), 1, %of_acme, but => { unknown_label => 'less!' } ],
	[ 'analyze companies', 'ANALYZE {companies}', 'array', $companies, 1, schema => 'sampled' ],
	[ 'analyze connections', 'ANALYZE {connections}', 'listed', listing(4, '*page=1'), 36, schema => 'sampled' ],
	[ 'analyze, third page', 'ANALYZE {connections}', 'later', listing(4, '*page=3'), 36, schema => 'sampled' ],
	[ 'analyze accounts', 'ANALYZE {accounts}', 'listed', listing(4, '*page=1'), 36, schema => 'sampled', but => {%no_status} ],

	# functions
	[ 'ping', q{SELECT 0 AS id, ok, detail FROM nectar.ping('api')}, 'ping', { path => '/ping' }, 1, reports => 1 ],
	[ 'confirm', "SELECT coalesce(jsonb_typeof(nectar.confirm_accounts($fifth, true, 'api')), '') <> '?' AS id", 'write', { method => 'PATCH' }, 1,
		task => qr/could not confirm the accounts of connection "[^"]+" on server "api"/, but => { 'bad UTF-8' => 'rows!' } ],
	[ 'confirm, fenced', "SELECT coalesce(jsonb_typeof(nectar.confirm_accounts($fifth, true, 'fenced')), '') <> '?' AS id", 'check', { method => 'GET' }, 2,
		task => qr/could not confirm the accounts of connection "[^"]+" on server "fenced"/ ],
	[ 'bulk', "SELECT connection_id AS id, ok, detail FROM nectar.bulk_confirm_accounts($twelve, true, 'api')", 'write',
		{ path => '/connection/' . $fixture->connection(5) . '/status' }, 12, reports => 1 ],
	[ 'bulk, fenced', "SELECT connection_id AS id, ok, detail FROM nectar.bulk_confirm_accounts($twelve, true, 'fenced')", 'check',
		details(5), 24, reports => 1 ],
	[ 'company link', "SELECT nectar.company_magic_link($acme, NULL, 'api') AS id", 'link', { path => '/connection/company/*/link' }, 1,
		task => qr/could not get the magic link of company "[^"]+" from server "api"/,
		but => { 'id of another' => 'rows', 'id a number' => 'rows' } ],
	[ 'company link, sites', "SELECT nectar.company_magic_link($acme, ARRAY(SELECT id FROM copies.sites WHERE company_id = $acme), 'api') AS id",
		'post', { path => '/connection/company/*/link' }, 1, task => qr/could not get the magic link of company "[^"]+" from server "api"/ ],
	[ 'connection link', "SELECT nectar.connection_magic_link($fifth, 'api') AS id", 'link', { path => '/connection/*' }, 1,
		task => qr/could not get the magic link of connection "[^"]+" from server "api"/ ],
	[ 'connection link, fenced', "SELECT nectar.connection_magic_link($fifth, 'fenced') AS id", 'check', details(5), 2,
		task => qr/could not get the magic link of connection "[^"]+" from server "fenced"/ ],
	[ 'invite', "SELECT url IS NULL AS id FROM nectar.invite_to_connect($acme, server => 'api')", 'post', { path => '/invitation/company/*' }, 1,
		task => qr/could not invite to company "[^"]+" on server "api"/, but => {%no_id} ],
	[ 'invite to reconnect', "SELECT url IS NULL AS id FROM nectar.invite_to_reconnect($fifth, server => 'api')", 'post',
		{ path => '/invitation/connection/*' }, 1, task => qr/could not invite to connection "[^"]+" on server "api"/, but => {%no_id} ],
	[ 'invite to reconnect, fenced', "SELECT url IS NULL AS id FROM nectar.invite_to_reconnect($fifth, server => 'fenced')", 'check',
		details(5), 2, task => qr/could not invite to connection "[^"]+" on server "fenced"/ ],
	[ 'links by id', "SELECT connection_id AS id, magic_link FROM nectar.reconnect_links(NULL, $twelve, 'api')", 'object', details(5), 12,
		task => qr/could not get reconnect links from server "api"/, rows => [5], but => { unknown_label => 'less!' } ],
	[ 'links of a company', "SELECT connection_id AS id, magic_link FROM nectar.reconnect_links($acme, NULL, 'api')", 'later', listing(1, '*page=3'), 7,
		task => qr/could not get reconnect links from server "api"/, rows => [ 5, 6 ], but => { unknown_label => undef } ],
	[ 'all links', q{SELECT connection_id AS id, magic_link FROM nectar.reconnect_links(NULL, NULL, 'api')}, 'array', $companies, 36,
		task => qr/could not get reconnect links from server "api"/ ],);

# ---- asking ----

$fixture->server('detailed', base_url => $http, %options, accounts_source => 'details');
$fixture->server('sampled', base_url => $http, %options);
$fixture->server('fenced', base_url => $http, %options, company_ids => $fixture->company(1));
$fixture->sql(<<"SQL");
CREATE SCHEMA copies;
CREATE SCHEMA lost;
CREATE TABLE copies.companies AS SELECT * FROM api.companies;
CREATE TABLE copies.sites AS SELECT * FROM api.sites;
CREATE TABLE copies.connections AS SELECT * FROM api.connections;
CREATE TABLE copies.accounts AS SELECT * FROM api.accounts;
CREATE TABLE wanted AS SELECT unnest($twelve) AS id;
CREATE TABLE wanted_companies AS SELECT unnest($five) AS id;
ANALYZE wanted, wanted_companies;
SQL
my $session = $fixture->session;

# The statement over tables of a schema; rows begin with an id and "|".
sub statement
{
	my ($question, $schema) = @_;
	(my $sql = $question->{sql}) =~ s/\{(\w+)\}/$schema.$1/g;

	return $sql if $sql =~ /^ANALYZE/ || $question->{reports};
	return "SELECT q.id, md5(q::text) FROM ($sql) q";
}

# Rows in an order of their own, and messages.
sub ask
{
	my ($sql) = @_;
	my ($rows, $messages) = $session->both($sql);

	return (join("\n", sort split /\n/, $rows), $messages);
}

# What the statement answers without the rows of a condition.
sub without
{
	my ($question, $condition) = @_;
	my ($sql) = $question->{sql};
	my %tables = map { $_ => 1 } $sql =~ /\{(\w+)\}/g;

	return $question->{right} if $sql =~ /^ANALYZE/;
	if (ref $condition)
	{
		my $numbers = join '|', map { sprintf '%012x', $_ } @$condition;
		return join "\n", grep { !/^\S{24}(?:$numbers)\|/ } split /\n/, $question->{right};
	}
	return '' if !%tables;
	foreach my $table (keys %tables)
	{
		my $where = $table eq 'accounts' || $condition !~ /connection_id/ ? $condition : 'false';
		$session->value("DROP VIEW IF EXISTS lost.$table; CREATE VIEW lost.$table AS SELECT * FROM copies.$table WHERE NOT ($where)");
	}
	return (ask(statement($question, 'lost')))[0];
}

sub ids { my ($rows) = @_; return join "\n", map { /^([^|]*)/ } split /\n/, $rows; }

# The rows that come of a fault without an error.
sub expected_rows
{
	my ($question, $outcome, $rows) = @_;

	return $question->{right} if $outcome =~ /^rows/;
	return $question->{less} if $outcome =~ /^less/;
	return $question->{none} if $outcome =~ /^none/;
	return ids($rows) eq ids($question->{right}) ? $rows : 'other ids';
}

# The row in which a function reports a failure: one, and the right one.
sub reported
{
	my ($question, $rows) = @_;
	my %is_right = map { $_ => 1 } split /\n/, $question->{right};
	my @differ = grep { !$is_right{$_} } split /\n/, $rows;

	return if scalar(split /\n/, $rows) != keys %is_right || @differ != 1;
	return $differ[0] =~ /^(?:0|\S{24}000000000005)\|f\|(.*)/ ? $1 : undef;
}

sub detail_is_right
{
	my ($state, $status, $detail) = @_;
	my $start = $detail{$state} // qr/The server answered HTTP status $status/;

	return $detail =~ /^$start/ && length $detail < 800;
}

# A regular expression for what a glob matches.
sub glob_re { my ($glob) = @_; return join '.*', map { quotemeta } split /\*/, $glob, -1; }

# Everything that an error says: message, detail, and the request that failed.
sub error_is_right
{
	my ($question, $state, $status, $messages) = @_;
	my $target = $question->{target};
	my @tables = $question->{sql} =~ /\{(\w+)\}/g;
	my $deed = $question->{sql} =~ /^ANALYZE/ ? qr/could not analyze/ : qr/could not read/;
	my $task = $question->{task} // qr/$deed foreign table "(?:@{[join '|', @tables]})" (?:from|of) server "$question->{schema}"/;
	my ($detail) = $messages =~ /^DETAIL:  (.*)$/m;
	my $path = glob_re($target->{path} // '*') . (($target->{query} // '*') eq '*' ? '' : '\?' . glob_re($target->{query}));

	return
	     $messages =~ /^ERROR:  $state: $task$/m
	  && detail_is_right($state, $status, $detail // '')
	  && $messages =~ /^CONTEXT:  remote request: (?:GET|POST|PATCH) $path/m
	  && index($messages, $sandbox->key) < 0;
}

# What a statement ended with, and why that is not what it should be, if so.
sub judge
{
	my ($question, $fault, $rows, $messages) = @_;
	my ($name, $spec, $any, %some) = @$fault;
	my $but = $question->{but} // {};
	my $shape = $question->{shape};
	my $outcome = exists $but->{$name} ? $but->{$name} : exists $some{$shape} ? $some{$shape} : $any;
	my ($state) = $messages =~ /^ERROR:  (\w{5}):/m;
	my $status = $spec->{status} // '\d+';

	return '-' if !defined $outcome && !$state;
	$outcome //= 'rows or some';
	if ($outcome =~ /^\w{5}$/)
	{
		my $detail = $question->{reports} && !$state ? reported($question, $rows) : undef;
		return ($outcome) if defined $detail && detail_is_right($outcome, $status, $detail);
		return ($outcome) if !$question->{reports} && ($state // '') eq $outcome && error_is_right($question, $state, $status, $messages);
	}
	elsif (!$state)
	{
		my $warns = $messages =~ /^WARNING:/m ? '!' : '';
		return ($outcome)
		  if $rows eq (expected_rows($question, $outcome, $rows) // '') && $warns eq ($outcome =~ /!$/ ? '!' : '');
	}
	return ('WRONG', "$question->{name}, $name: $outcome expected\n$messages$rows");
}

# ---- the matrix ----

sub set_timeout
{
	my ($timeout) = @_;
	$session->value("ALTER SERVER $_ OPTIONS (SET request_timeout '$timeout')") foreach qw(api detailed sampled fenced);
	return;
}

# As at the start, with the fault that the question takes for granted.
sub reset_sandbox
{
	my ($question) = @_;
	$sandbox->reset;
	$sandbox->fault($question->{given}) if $question->{given};
	return;
}

# The question in full, answered without faults.
sub prepare
{
	my ($name, $sql, $shape, $target, $requests, %more) = @_;
	my %question = (schema => 'api', %more, name => $name, sql => $sql, shape => $shape, target => $target);

	$question{statement} = statement(\%question, $question{schema});
	$session->value("RESET ALL; $more{start}") if $more{start};
	reset_sandbox(\%question);
	($question{right}, my $messages) = ask($question{statement});
	is($messages, '', "$name: nothing to say without a fault");
	is(scalar(my @sent = $sandbox->requests), $requests, "$name: $requests requests");
	is((ask(statement(\%question, 'copies')))[0], $question{right}, "$name: the rows") if $sql =~ /^SELECT.*\{/ && $sql !~ /LIMIT \d+$/;
	like($session->value("EXPLAIN $question{sql}" =~ s/\{(\w+)\}/$question{schema}.$1/gr), $more{plan}, "$name: the plan") if $more{plan};
	$question{less} = without(\%question, $more{rows}) if $more{rows};
	$question{none} = without(\%question, 'true') if $shape eq 'array';
	return \%question;
}

my (%cells, @wrong, @after);
foreach my $row (@questions)
{
	my $question = prepare(@$row);
	my $was_slow = 0;

	foreach my $fault (@faults)
	{
		my ($name, $spec) = @$fault;
		my $is_slow = $is_slow{$name} // 0;

		set_timeout($is_slow ? '50ms' : '20s') if $is_slow != $was_slow;
		$was_slow = $is_slow;
		$sandbox->fault({ %$spec, %{ $question->{target} } });
		$sandbox->fault($question->{given}) if $question->{given};
		my ($outcome, $why) = judge($question, $fault, ask($question->{statement}));
		$cells{$name}{ $question->{shape} }{$outcome} = 1;
		push @wrong, $why if defined $why;
		reset_sandbox($question);
		next if $is_slow;
		my ($rows, $messages) = ask($question->{statement});
		push @after, "$question->{name}, after $name:\n$messages$rows" if $rows ne $question->{right} || $messages;
	}
	$session->value('RESET ALL');
}
is(scalar @wrong, 0, 'every cell of the matrix is right');
diag $_ foreach @wrong;
is(scalar @after, 0, 'and the next statement works');
diag $_ foreach @after;

# Rows that a cursor gave before are right; what was to keep them all keeps none.
my $acme_rows = "SELECT id, status FROM api.connections WHERE company_id = $acme";
$session->value('CREATE TABLE sink (id uuid, status nectar.connection_status)');
foreach my $name ('status 500', 'truncate', 'malformed', 'repeat_page', 'hang')
{
	my ($fault) = grep { $_->[0] eq $name } @faults;

	set_timeout('50ms') if $is_slow{$name};
	$sandbox->fault({ %{ $fault->[1] }, %{ listing(1, '*page=3') } });
	$session->value("BEGIN; DECLARE c CURSOR FOR $acme_rows");
	is(scalar(split /\n/, $session->value('FETCH 2 FROM c')), 2, "$name: a cursor gives the first page");
	like($session->error('FETCH ALL FROM c'), qr/^ERROR:  \w{5}: could not read foreign table "connections"/m, "$name: and then the error");
	$session->value('ROLLBACK');
	$session->error("INSERT INTO sink $acme_rows");
	is($session->value('SELECT count(*) FROM sink'), 0, "$name: INSERT keeps nothing");
	like($session->error("CREATE TABLE kept AS $acme_rows"), qr/^ERROR:/m, "$name: nor does CREATE TABLE AS");
	like($session->error("COPY ($acme_rows) TO '/dev/null'"), qr/^ERROR:/m, "$name: COPY fails");
	$sandbox->reset;
	set_timeout('20s');
}
is($session->value("SELECT count(*) FROM ($acme_rows) x"), 14, 'all is well again');

my @shapes = qw(array object page listed total counted later detail check link post write ping);
diag sprintf '%-21s' . ' %-7s' x @shapes, '', @shapes;
foreach my $fault (@faults)
{
	my $cell = $cells{ $fault->[0] };
	diag sprintf '%-21s' . ' %-7s' x @shapes, $fault->[0], map { join ',', sort keys %{ $cell->{$_} } } @shapes;
}

$session->quit;
$fixture->stop;
done_testing();
