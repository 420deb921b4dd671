# Foreign tables with all sorts of options, and heap tables that hold what they
# must show.
#
# A world is a schema of foreign tables.  Beside schema NAME there is NAME_heap
# with tables of the same names and columns, filled from the JSON of the
# sandboxes by SQL alone, so that no part of the extension has a say in what is
# true.  Schema "mine" has local tables, which both sides share.
#
#   my $worlds = Worlds->new($fixture, $other_sandbox);
#   $worlds->tables;    { name => 'paged.connections', resource =>, columns => [ { name, kind, pool } ] }, ...
#   $worlds->pools;     values that occur, by pool: { company => [ uuid, ... ], email => [ ... ], ... }
#
# kind is a name of a type; columns of the same pool hold the same things, which
# makes them worth comparing.

package Worlds;

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP;

our %type_of = (
	uuid => 'uuid', text => 'text', bool => 'boolean', time => 'timestamptz', date => 'date',
	number => 'numeric', int => 'integer', texts => 'text[]', uuids => 'uuid[]', json => 'jsonb',
	status => 'nectar.connection_status', account_status => 'nectar.account_status',
	tracking => 'nectar.tracking_status', category => 'nectar.connection_category');

# resource => columns, each "name kind [pool [path]]".  Without a path it is
# the name in the API's spelling; "^" begins a path in the connection of an account.
my %resources = (
	companies => [
		'id uuid company', 'name text company_name', 'external_id text crm', 'data_collection_start_date date',
		'is_demand_enabled bool', 'is_implied_metering_enabled bool', 'implied_metering_fraction number',
		'is_basic_identifier_mapping_enabled bool', 'is_low_accuracy_mode_enabled bool', 'users texts user',
		'attrs json' ],
	sites => [
		'id uuid site', 'company_id uuid company ^id', 'name text site_name', 'external_id text site_external',
		'address text', 'path texts folder', 'occupancy_percent number', 'data_collection_stop_date date',
		'attrs json' ],
	connections => [
		'id uuid connection', 'company_id uuid company company.id', 'company_name text company_name company.name',
		'company_external_id text crm company.externalId', 'public_company_id text public',
		'external_id text external', 'status status label', 'status_category category category status',
		'needs_user_action bool bool status', 'status_first_seen_time time', 'status_last_update_time time',
		'status_error_detail text detail', 'datasource_name text provider datasource.name',
		'datasource_url text url datasource.url', 'url text url', 'username text username',
		'workflow_owner_email text email', 'country text country', 'initial_sites uuids site',
		'initial_datasource_types texts datasource', 'data_collection_start_date date',
		'multiply_by_occupancy bool', 'is_active bool', 'created time', 'updated time', 'attrs json' ],
	accounts => [
		'id uuid account', 'connection_id uuid connection ^id', 'company_id uuid company ^company.id',
		'account_number text number', 'status account_status account_label', 'tracking_status tracking tracking',
		'status_first_seen_time time', 'status_last_update_time time', 'status_error_detail text detail',
		'is_duplicated bool', 'is_collecting_invoice_data bool', 'is_collecting_smart_meter_data bool',
		'meters uuids meter', 'datasource_types texts datasource', 'data_collection_start_date date',
		'last_service_date date', 'attrs json' ],);

# Servers, and the schemas that IMPORT makes of them.  "scope" numbers companies.
my @servers = (
	{ name => 'plain' },
	{ name => 'paged', options => { page_size => 3, max_concurrency => 3, scan_memory => '64kB', accounts_source => 'list' } },
	{ name => 'single', options => { page_size => 7, max_concurrency => 1, accounts_source => 'details' }, analyze => 1 },
	{ name => 'labels', options => { page_size => 5 }, text => 1, analyze => 1 },
	{ name => 'scoped', options => { page_size => 4, max_concurrency => 2 }, scope => [ 1, 3, 5, 99 ] },
	{ name => 'other', options => { page_size => 4, max_concurrency => 10 }, other => 1 },);

# Tables made by hand: "kind" may be another than the resource's, and with a
# JSON path a column is whatever that says.  "-" is a column that is dropped.
my @by_hand = (
	{   name => 'few', resource => 'connections', server => 'paged', scope => [ 2, 3 ],
		columns => [ 'workflow_owner_email text', '-', 'status status', 'id uuid', 'company_id uuid', 'company_external_id text' ] },
	{   name => 'texts', resource => 'connections', server => 'plain', varchar => 1,
		columns => [
			'company_id text', 'id text', 'status text', 'status_category text', 'needs_user_action text', 'created text',
			'company_name text', 'is_active text', 'updated time', 'workflow_owner_email text' ] },
	{   name => 'paths', resource => 'connections', server => 'scoped', scope => [ 3, 1, 4 ],
		columns => [
			'id uuid company company.id', 'company_id uuid connection id', 'status text country country', 'label text label status',
			'provider text provider datasource.name', 'company json none company', 'company_name text company_name' ] },
	{   name => 'books', resource => 'accounts', server => 'paged', scope => [ 1, 5 ],
		columns => [ 'status text', '-', 'connection_id uuid', 'id text', 'is_duplicated text', 'company_id uuid' ] },
	{   name => 'ledger', resource => 'accounts', server => 'single',
		columns => [ 'company_id text', 'connection_id text', 'number text number accountNumber', 'meters uuids', 'tracking_status tracking' ] },
	{   name => 'firms', resource => 'companies', server => 'other', scope => [ 2, 3, 99 ],
		columns => [ 'name text', 'id uuid', 'users texts', '-', 'crm text crm externalId' ] },
	{   name => 'places', resource => 'sites', server => 'plain', scope => [ 1, 2, 4 ],
		columns => [ 'company_id uuid', 'name text', 'id text', 'occupancy_percent text' ] },);

# Partitions: parent, bounds or none for a child by inheritance, server, scope.
my @parts = (
	[ 'connections', 'c1', 'FOR VALUES IN (%s)', 'paged', [1] ],
	[ 'connections', 'c23', 'FOR VALUES IN (%s)', 'single', [ 2, 3 ] ],
	[ 'connections', 'rest', 'DEFAULT', 'plain', [ 4, 5 ] ],
	[ 'accounts', 'a12', 'FOR VALUES IN (%s)', 'paged', [ 1, 2 ] ],
	[ 'accounts', 'a35', 'FOR VALUES IN (%s)', 'plain', [ 3, 5 ] ],
	[ 'accounts', 'a4', 'FOR VALUES IN (%s)', 'single', [4] ],
	[ 'family', 'ours', '', 'scoped', undef ],
	[ 'family', 'theirs', '', 'other', undef ],);

my @views = (
	[ 'waiting', 'connections', 'paged.connections', '', 'needs_user_action' ],
	[ 'guarded', 'connections', 'plain.connections', 'WITH (security_barrier)', q(country IS NOT NULL) ],
	[ 'fenced', 'accounts', 'single.accounts', 'WITH (security_barrier)', q(company_id = mine.company(2) OR is_duplicated) ],
	[ 'known', 'connections', 'other.connections', '', q(status IS NOT NULL) ],);

sub new
{
	my ($class, $fixture, $other) = @_;
	my $self = bless { fixture => $fixture, tables => [], pools => {} }, $class;

	$self->{sandboxes} = { main => $fixture->sandbox, other => $other };
	$self->read_truth($_) foreach 'main', 'other';
	$self->make_local;
	$self->make_world($_) foreach @servers;
	$self->make_by_hand($_) foreach @by_hand;
	$self->make_parts;
	$self->make_views;
	$self->fill_pools;
	$self->gather_statistics;
	return $self;
}

sub tables { return @{ $_[0]{tables} }; }
sub pools  { return $_[0]{pools}; }

sub company { return sprintf 'c0000000-0000-4000-8000-%012x', $_[0]; }

sub scope_list
{
	my ($scope, $quote) = @_;
	return join ',', map { $quote . company($_) . $quote } @$scope;
}

# ---- what is true ----

sub get_json
{
	my ($sandbox, $path) = @_;
	my $answer = HTTP::Tiny->new(timeout => 10)
	  ->get($sandbox->http . "/v2.2$path", { headers => { 'X-API-Key' => $sandbox->key } });

	die "the sandbox answers $answer->{status} to $path\n" if !$answer->{success};
	return $answer->{content};
}

# Companies and connections of a sandbox, as JSON in schema "truth": one table for
# each resource, with the object and the one that it was found in.
sub read_truth
{
	my ($self, $name) = @_;
	my $sandbox = $self->{sandboxes}{$name};
	my $companies = get_json($sandbox, '/company');
	my $sql = <<"SQL";
CREATE SCHEMA IF NOT EXISTS truth;
CREATE TABLE truth.${name}_companies AS
	SELECT j, j AS parent FROM jsonb_array_elements(\$json\$$companies\$json\$::jsonb) j;
CREATE TABLE truth.${name}_sites AS
	SELECT s AS j, c.j AS parent FROM truth.${name}_companies c, jsonb_array_elements(c.j->'sites') s;
CREATE TABLE truth.${name}_connections (j jsonb, parent jsonb);
SQL

	foreach my $company (@{ decode_json($companies) })
	{
		# listings need not carry accounts
		my $page = decode_json(get_json($sandbox, "/connection/company/$company->{id}?limit=500"));
		my @details = map { get_json($sandbox, "/connection/$_->{id}/details") } @{ $page->{connections} };
		$sql .= "INSERT INTO truth.${name}_connections SELECT j, j FROM unnest(ARRAY["
		  . join(', ', map { "\$json\$$_\$json\$" } @details) . "]::jsonb[]) j;\n";
	}
	$sql .= <<"SQL";
CREATE TABLE truth.${name}_accounts AS
	SELECT a AS j, c.j AS parent FROM truth.${name}_connections c, jsonb_array_elements(c.j->'accounts') a;
SQL
	$self->{fixture}->sql("SET timezone = 'UTC';\n$sql");
	return;
}

# A column as a hash, from its line; what the line leaves out is the resource's.
sub column
{
	my ($resource, $line, $by_hand) = @_;
	my ($name, $kind, $pool, $path) = split ' ', $line;
	my ($known) = grep { /^\Q$name\E / } @{ $resources{$resource} };
	my %column = (name => $name, kind => $kind, is_path => $by_hand && defined $path);

	if (!defined $path && defined $known)
	{
		(undef, my $native, my $known_pool, $path) = split ' ', $known;
		$column{native} = $native;
		$pool //= $known_pool;
	}
	if (!defined $path)
	{
		($path = $name) =~ s/_(\w)/\u$1/g;
	}
	$column{pool} = $pool // "$resource.$name";
	$column{path} = $path;
	$column{native} //= $kind;
	return \%column;
}

# The column's value as SQL over j and parent.
sub expression
{
	my ($resource, $column) = @_;
	my ($kind, $native, $path) = @$column{qw(kind native path)};
	my $object = $path =~ s/^\^// ? 'parent' : 'j';
	(my $keys = $path) =~ tr/./,/;
	my $text = "($object #>> '{$keys}')";
	my $label = "nullif($text, '')";

	return "(j - 'accounts' - 'sites' - 'connectionMagicLinkSecret')" if $column->{name} eq 'attrs';
	return "($object #> '{$keys}')" if $kind eq 'json';
	if (!$column->{is_path} && $column->{name} eq 'needs_user_action')
	{
		my $needs = "coalesce((SELECT who_acts = 'user' FROM nectar.connection_statuses WHERE label::text = $label), false)";
		return $kind eq 'text' ? "$needs\::text" : $needs;
	}
	if (!$column->{is_path} && $column->{name} eq 'status_category')
	{
		my $category = "coalesce((SELECT category FROM nectar.connection_statuses WHERE label::text = $label), 'unknown')";
		return $kind eq 'text' ? "$category\::text" : $category;
	}
	return $text if $kind eq 'text';
	if ($kind =~ /^(texts|uuids)$/)
	{
		my $items = "ARRAY(SELECT jsonb_array_elements_text($object #> '{$keys}'))::$type_of{$kind}";
		return "CASE WHEN jsonb_typeof($object #> '{$keys}') = 'array' THEN $items END";
	}
	if ($kind =~ /^(status|account_status|tracking)$/)
	{
		my $type = $type_of{$kind};
		return "CASE WHEN $text = ANY (enum_range(NULL::$type)::text[]) THEN $text\::$type END";
	}
	return moment($text) if $kind eq 'time';
	return "$text\::$type_of{$kind}";
}

# A time; what is left of a microsecond is rounded as in arithmetic, which the
# type's own input function does not do to exact halves.
sub moment
{
	my ($text) = @_;
	my $fraction = "coalesce(substring($text FROM '[.][0-9]+'), '0')::numeric";
	return "(regexp_replace($text, '[.][0-9]+', '')::timestamptz + round($fraction * 1000000) * interval '1 microsecond')";
}

# SELECT that gives a table's rows.
sub truth_query
{
	my ($resource, $columns, $sandbox, @scopes) = @_;
	my $company = $resource eq 'connections' ? "j #>> '{company,id}'"
	  : $resource eq 'accounts' ? "parent #>> '{company,id}'" : "parent ->> 'id'";
	my @list = map { expression($resource, $_) . ($_->{type} ? "::$_->{type}" : '') . qq( AS "$_->{name}") } @$columns;
	my $list = join ",\n", map { "  $_" } @list;
	my $sql = "SELECT\n$list\nFROM truth.${sandbox}_$resource";

	$sql .= ' WHERE true';
	$sql .= " AND $company IN (" . scope_list($_, q(')) . ')' foreach grep { defined } @scopes;
	return $sql;
}

# ---- tables ----

sub sandbox_of
{
	my ($server) = @_;
	return $server->{other} ? 'other' : 'main';
}

sub server_named
{
	my ($name) = @_;
	return (grep { $_->{name} eq $name } @servers)[0];
}

sub add_table
{
	my ($self, $name, $resource, $columns, %more) = @_;

	push @{ $self->{tables} }, { name => $name, resource => $resource, columns => $columns, %more };
	return;
}

sub make_world
{
	my ($self, $world) = @_;
	my $fixture = $self->{fixture};
	my $sandbox = $self->{sandboxes}{ sandbox_of($world) };
	my %options = (base_url => $sandbox->http . '/v2.2', %{ $world->{options} // {} });

	$options{company_ids} = scope_list($world->{scope}, '') if $world->{scope};
	$fixture->server($world->{name}, %options);
	$fixture->sql("CREATE SCHEMA $world->{name}_heap");
	if ($world->{text})
	{
		$fixture->sql(<<"SQL");
DROP SCHEMA $world->{name} CASCADE;
CREATE SCHEMA $world->{name};
IMPORT FOREIGN SCHEMA nectar FROM SERVER $world->{name} INTO $world->{name} OPTIONS (status_type 'text');
SQL
	}
	foreach my $resource (sort keys %resources)
	{
		my @columns = map { column($resource, $_) } @{ $resources{$resource} };
		if ($world->{text})
		{
			$_->{kind} =~ s/^(status|account_status|tracking|category)$/text/ foreach @columns;
		}
		my $query = truth_query($resource, \@columns, sandbox_of($world), $world->{scope});
		$fixture->sql("SET timezone = 'UTC';\nCREATE TABLE $world->{name}_heap.$resource AS $query;");
		$self->add_table("$world->{name}.$resource", $resource, \@columns, analyze => $world->{analyze});
	}
	return;
}

sub make_by_hand
{
	my ($self, $table) = @_;
	my $server = server_named($table->{server});
	my $resource = $table->{resource};
	my (@columns, @declared, @dropped);

	foreach my $line (@{ $table->{columns} })
	{
		if ($line eq '-')
		{
			push @dropped, 'gone_' . scalar @dropped;
			push @declared, "$dropped[-1] uuid OPTIONS (json_path 'id')";
			next;
		}
		my $column = column($resource, $line, 1);
		my $type = $column->{kind} eq 'text' && $table->{varchar} ? 'varchar' : $type_of{ $column->{kind} };
		$column->{type} = $type;
		my $option = $column->{is_path} ? " OPTIONS (json_path '$column->{path}')" : '';
		push @columns, $column;
		push @declared, "$column->{name} $type$option";
	}
	my $list = join ', ', @declared;
	my $drops = join '', map { "ALTER FOREIGN TABLE hand.$table->{name} DROP COLUMN $_;\n" } @dropped;
	my $scope = $table->{scope} ? ", company_ids '" . scope_list($table->{scope}, '') . "'" : '';
	my $query = truth_query($resource, \@columns, sandbox_of($server), $server->{scope}, $table->{scope});
	$self->{fixture}->sql(<<"SQL");
SET timezone = 'UTC';
CREATE SCHEMA IF NOT EXISTS hand;
CREATE SCHEMA IF NOT EXISTS hand_heap;
CREATE FOREIGN TABLE hand.$table->{name} ($list)
	SERVER $table->{server} OPTIONS (resource '$resource'$scope);
$drops
CREATE TABLE hand_heap.$table->{name} AS $query;
SQL
	$self->add_table("hand.$table->{name}", $resource, \@columns);
	return;
}

# Both sides have the same partitions; ours are foreign tables.
sub make_parts
{
	my ($self) = @_;
	my $sql = "SET timezone = 'UTC';\nCREATE SCHEMA parts;\nCREATE SCHEMA parts_heap;\n";

	foreach my $side ('parts', 'parts_heap')
	{
		$sql .= "CREATE TABLE $side.$_ (LIKE plain_heap.$_) PARTITION BY LIST (company_id);\n" foreach 'connections', 'accounts';
		$sql .= "CREATE TABLE $side.family (LIKE plain_heap.connections);\n";
		$sql .= "INSERT INTO $side.family SELECT * FROM plain_heap.connections ORDER BY id LIMIT 3;\n";
	}
	foreach my $part (@parts)
	{
		my ($parent, $name, $bounds, $server, $scope) = @$part;
		my $resource = $parent eq 'accounts' ? 'accounts' : 'connections';
		my $option = $scope ? ", company_ids '" . scope_list($scope, '') . "'" : '';
		my $where = $bounds ? "PARTITION OF %s.$parent " . sprintf($bounds, scope_list($scope // [], q('))) : "() INHERITS (%s.$parent)";
		my $ids = $scope ? ' WHERE company_id IN (' . scope_list($scope, q(')) . ')' : '';

		$sql .= sprintf "CREATE FOREIGN TABLE parts.$name $where SERVER $server OPTIONS (resource '$resource'$option);\n", 'parts';
		$sql .= sprintf "CREATE TABLE parts_heap.$name $where;\n", 'parts_heap';
		$sql .= "INSERT INTO parts_heap.$name SELECT * FROM ${server}_heap.$resource$ids;\n";
	}
	$self->{fixture}->sql($sql);
	foreach my $parent ('connections', 'accounts', 'family')
	{
		my $resource = $parent eq 'family' ? 'connections' : $parent;
		$self->add_table("parts.$parent", $resource, [ map { column($resource, $_) } @{ $resources{$resource} } ]);
	}
	return;
}

sub make_views
{
	my ($self) = @_;
	my $sql = "CREATE SCHEMA views;\nCREATE SCHEMA views_heap;\n";

	foreach my $view (@views)
	{
		my ($name, $resource, $from, $with, $where) = @$view;
		(my $heap = $from) =~ s/\./_heap./;
		$sql .= "CREATE VIEW views.$name $with AS SELECT * FROM $from WHERE $where;\n";
		$sql .= "CREATE VIEW views_heap.$name $with AS SELECT * FROM $heap WHERE $where;\n";
		$self->add_table("views.$name", $resource, [ map { column($resource, $_) } @{ $resources{$resource} } ]);
	}
	# functions that read, for queries to call while they read
	foreach my $side ('', '_heap')
	{
		$sql .= <<"SQL";
CREATE FUNCTION views$side.connections_of(uuid) RETURNS bigint STABLE LANGUAGE plpgsql
	AS \$\$ BEGIN RETURN (SELECT count(*) FROM paged$side.connections WHERE company_id = \$1); END \$\$;
CREATE FUNCTION views$side.company_of(uuid) RETURNS uuid STABLE LANGUAGE plpgsql
	AS \$\$ BEGIN RETURN (SELECT company_id FROM plain$side.connections WHERE id = \$1); END \$\$;
SQL
	}
	$self->{fixture}->sql($sql);
	return;
}

# Tables of the user's own: keys that repeat, are NULL, or name nothing.
sub make_local
{
	my ($self) = @_;

	$self->{fixture}->sql(<<'SQL');
CREATE SCHEMA mine;
CREATE FUNCTION mine.company(n int) RETURNS uuid STABLE LANGUAGE plpgsql
	AS $$ BEGIN RETURN 'c0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'); END $$;
CREATE FUNCTION mine.fixed_company(n int) RETURNS uuid IMMUTABLE LANGUAGE sql
	AS $$ SELECT ('c0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION mine.moody_company(n int) RETURNS uuid VOLATILE LANGUAGE plpgsql
	AS $$ BEGIN RETURN mine.company(n); END $$;
CREATE FUNCTION mine.connection(n int) RETURNS uuid STABLE LANGUAGE sql
	AS $$ SELECT ('d0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION mine.label(text) RETURNS text STABLE LANGUAGE sql AS $$ SELECT $1 $$;
CREATE COLLATION mine.folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE mine.keys AS
	SELECT n, CASE WHEN n % 7 <> 3 THEN mine.company(1 + n % 6) END AS company,
		   CASE WHEN n % 9 <> 4 THEN mine.connection(1 + n * n % 80) END AS connection,
		   CASE WHEN n % 8 <> 5 THEN mine.company(1 + n % 4)::text END AS company_text,
		   CASE WHEN n % 5 <> 2 THEN mine.connection(1 + n * 5 % 75)::text END AS connection_text,
		   (SELECT c.j->>'status' FROM truth.main_connections c
			 WHERE c.j->>'id' = mine.connection(1 + n)::text AND n % 6 <> 1) AS label,
		   (SELECT e.j->>'workflowOwnerEmail' FROM truth.main_connections e
			 WHERE e.j->>'id' = mine.connection(2 + n * 3)::text) AS email,
		   CASE n % 4 WHEN 0 THEN 'Acme' WHEN 1 THEN 'Globex' WHEN 2 THEN 'acme' END AS name,
		   CASE WHEN n % 5 <> 0 THEN 'CRM-' || 1 + n % 4 END AS crm
	  FROM generate_series(1, 24) n;
ALTER TABLE mine.keys ADD COLUMN status nectar.connection_status;
UPDATE mine.keys SET status = label::nectar.connection_status WHERE label <> 'ON_HOLD';
CREATE TABLE mine.few AS SELECT * FROM mine.keys WHERE n IN (2, 5, 6);
CREATE TABLE mine.none AS SELECT * FROM mine.keys WHERE false;
CREATE TABLE mine.sink (id text, status text);
ANALYZE mine.keys, mine.few;
SQL
	my @columns = map { { name => $_->[0], kind => $_->[1], pool => $_->[2] } } (
		[qw(n int none)], [qw(company uuid company)], [qw(connection uuid connection)], [qw(company_text text company)],
		[qw(connection_text text connection)], [qw(label text label)], [qw(email text email)], [qw(name text company_name)],
		[qw(crm text crm)], [qw(status status label)]);
	$self->add_table("mine.$_", 'local', \@columns) foreach 'keys', 'few', 'none';
	return;
}

# ---- values and statistics ----

# What occurs in plain tables, by pool.
sub fill_pools
{
	my ($self) = @_;

	foreach my $table (grep { $_->{name} =~ /^(?:labels|other)\./ } $self->tables)
	{
		(my $heap = $table->{name}) =~ s/\./_heap./;
		foreach my $column (@{ $table->{columns} })
		{
			next if $column->{kind} eq 'json';
			my $source = $column->{kind} =~ /^(texts|uuids)$/ ? "unnest($column->{name})" : $column->{name};
			my $found = $self->{fixture}->sql(<<"SQL");
SET timezone = 'UTC';
SELECT coalesce(json_agg(v), '[]')
  FROM (SELECT DISTINCT v FROM (SELECT $source\::text v FROM $heap) x WHERE v IS NOT NULL ORDER BY v) y;
SQL
			my %seen = map { $_ => 1 } @{ $self->{pools}{ $column->{pool} } // [] }, @{ decode_json($found) };
			$self->{pools}{ $column->{pool} } = [ sort keys %seen ];
		}
	}
	return;
}

# A warning that a table cannot be analyzed is no matter.
sub gather_statistics
{
	my ($self) = @_;
	my @schemas = map { "$_->{name}_heap" } @servers;
	my @analyzed = map { $_->{name} } grep { $_->{analyze} } $self->tables;
	my $sql = "SET client_min_messages = error;\nANALYZE;\n";

	$sql .= "ANALYZE $_;\n" foreach @analyzed;
	$self->{fixture}->sql($sql);
	return;
}

1;
