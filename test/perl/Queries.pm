# Random queries over the tables of Worlds.pm, reproducible: a case follows from
# seed and number alone.
#
#   my $queries = Queries->new(seed => 1, tables => [...], pools => {...}, settings => [...], added_label => 'ON_HOLD');
#   my $case = $queries->case(17);
#
# A case is { number, forms, settings, steps, plans }.  A step is { sql, rule }:
# a statement, and how the answers of the foreign and of the heap tables
# compare:
#
#   bag      the same rows in any order
#   exact    the same rows in the same order
#   some     as many rows, each of them among those of the statement "whole"
#   ignore   only how it ended
#
# A table is written {schema.name}; Queries::with_schemas() makes it the one
# side or the other.  What a query leaves to chance (order of equal rows, LIMIT
# without an order inside, order of evaluation where that can raise) is not
# generated, or has the rule that fits.
#
# Scopes are lists of columns: { sql, name, kind, pool, table }.

package Queries;

use strict;
use warnings;

use Digest::MD5 qw(md5);
use List::Util qw(min sum);
use Worlds;

my %type_of = %Worlds::type_of;

# Columns by which something can be asked for; they are chosen more often.
my %is_key = map { $_ => 1 } qw(id company_id connection_id company_name company_external_id status status_category
  needs_user_action workflow_owner_email company connection label email name crm);

# Pools over which tables are joined.
my %is_shared = map { $_ => 1 } qw(company connection account site company_name crm label account_label email provider country
  tracking);

my @labels = qw(PENDING CONNECTED UNDER_INVESTIGATION PASSWORD_INCORRECT MFA_TOKEN_EXPIRED NEW_PASSWORD_NEEDED
  ADDITIONAL_CREDENTIALS_NEEDED WEBSITE_DOWN URL_INACCESSIBLE NO_ACCOUNTS_FOUND OTHER_ERROR COMPANY_INACTIVE);

sub new
{
	my ($class, %options) = @_;
	my $self = bless {%options}, $class;

	$self->{labels} = [ @labels, $options{added_label} // () ];
	$self->{foreign} = [ grep { $_->{resource} ne 'local' } @{ $self->{tables} } ];
	$self->{local} = [ grep { $_->{resource} eq 'local' } @{ $self->{tables} } ];
	return $self;
}

# The statement over foreign tables, or with "_heap" over their copies.
sub with_schemas
{
	my ($sql, $suffix) = @_;
	$sql =~ s/\{([a-z]+)\.([a-z]\w*)\}/$1$suffix.$2/g;
	return $sql;
}

# ---- chance ----

sub chance { return rand() < $_[0]; }
sub upto   { return 1 + int rand $_[0]; }
sub pick   { return $_[ int rand @_ ]; }

sub some
{
	my ($least, $most, @from) = @_;
	my $count = min(scalar @from, $least + int rand($most - $least + 1));
	return (pick_order(@from))[ 0 .. $count - 1 ];
}

# List::Util's own need not follow from srand.
sub pick_order
{
	my (@from) = @_;
	my @order;
	push @order, splice @from, int rand @from, 1 while @from;
	return @order;
}

# One of pairs weight => thing.
sub weighted
{
	my (@pairs) = @_;
	my $left = rand sum(map { $pairs[ 2 * $_ ] } 0 .. $#pairs / 2);

	while (@pairs > 2)
	{
		my ($weight, $thing) = splice @pairs, 0, 2;
		return $thing if $left < $weight;
		$left -= $weight;
	}
	return $pairs[1];
}

sub form
{
	my ($self, $name) = @_;
	$self->{forms}{$name}++;
	return;
}

sub alias
{
	my ($self) = @_;
	return 't' . ++$self->{aliases};
}

# ---- constants ----

sub quote
{
	my ($text) = @_;
	return 'NULL' if !defined $text;
	$text =~ s/'/''/g;
	return "'$text'";
}

# A value for a column: mostly one that occurs.  undef is NULL.
sub value
{
	my ($self, $column) = @_;
	my @pool = @{ $self->{pools}{ $column->{pool} } // [] };
	my $kind = $column->{kind};

	return undef if chance(0.04);
	@pool = @{ $self->{labels} } if $kind eq 'status';
	@pool = grep { $_ ne 'NEEDS_PULL' } @pool if $kind eq 'account_status';
	@pool = qw(true false) if $kind eq 'bool';
	@pool = (1 .. 9) if $kind eq 'int';
	my $value = pick(@pool);
	if ($kind eq 'uuid')
	{
		$value = sprintf '%s0000000-0000-4000-8000-0000000%05x', pick('a', 'c', 'd'), 900 + upto(90)
		  if !defined $value || chance(0.08);
	}
	elsif ($kind eq 'text')
	{
		my $dice = rand;
		return pick('nothing', '', ' ', "o'clock", '%', 'ON_HOLD', 'Acm') if $dice < 0.08 || !defined $value;
		return pick(lc $value, uc $value, "$value ", substr $value, 0, 3) if $dice < 0.16;
	}
	elsif (!defined $value)
	{
		return { time => '2024-05-01 00:00:00+00', date => '2024-05-01', number => '1', int => '3' }->{$kind};
	}
	return $value;
}

# So many values; some of them come again, or in another spelling.
sub values_of
{
	my ($self, $column, $count) = @_;
	my @values = map { $self->value($column) } 1 .. $count;

	if (chance(0.2) && defined(my $value = pick(@values)))
	{
		push @values, $value;
		$values[-1] = pick(uc $value, lc $value, "$value ", $value) if $column->{kind} eq 'text';
		$values[-1] = pick(uc $value, "{$value}", $value =~ tr/-//dr) if $column->{kind} eq 'uuid';
		@values = pick_order(@values);
	}
	push @values, undef if chance(0.1);
	return @values;
}

# What a parameter or variable of the surroundings can stand for.
sub surrounding
{
	my ($self, $column, $is_array) = @_;

	foreach my $variable (pick_order(@{ $self->{variables} // [] }))
	{
		return $variable->{sql} if !$is_array && $variable->{kind} eq $column->{kind} && $variable->{pool} eq $column->{pool};
	}
	if ($self->{parameters} && @{ $self->{parameters} } < 8)
	{
		push @{ $self->{parameters} }, { column => $column, is_array => $is_array };
		return '$' . scalar @{ $self->{parameters} };
	}
	return undef;
}

# A constant, parameter or variable of a column's type.
sub literal
{
	my ($self, $column, %options) = @_;
	my $type = $type_of{ $column->{kind} };
	my $around = chance(0.6) && $self->surrounding($column, 0);

	return $around if $around;
	my $value = quote($self->value($column));
	return "$value\::$type" if $options{typed} || chance(0.3);
	return "$value\::varchar" if $column->{kind} eq 'text' && chance(0.05);
	return "$value\::text::$type" if chance(0.06) && $column->{kind} ne 'time';
	return uc $value if $column->{kind} eq 'uuid' && chance(0.05);
	return $value;
}

sub array_text
{
	my (@values) = @_;
	my @items = map { defined $_ ? '"' . s/(["\\])/\\$1/gr . '"' : 'NULL' } @values;
	return quote('{' . join(',', @items) . '}');
}

# An array of a column's values, with repetitions and NULLs.
sub array
{
	my ($self, $column) = @_;
	my $type = $type_of{ $column->{kind} };
	my $around = chance(0.5) && $self->surrounding($column, 1);

	return $around if $around;
	my @values = chance(0.05) ? () : $self->values_of($column, upto(5));
	return "NULL::$type\[]" if chance(0.02);
	return array_text(@values) . "::$type\[]" if chance(0.4);
	return 'ARRAY[' . join(', ', map { quote($_) . "::$type" } @values) . "]::$type\[]";
}

# ---- columns ----

sub key_first
{
	my (@columns) = @_;
	return weighted(map { ($is_key{ $_->{name} } ? 9 : 1) => $_ } @columns);
}

# Equality of two columns of one pool, whatever their types.
sub equality
{
	my ($self, $left, $right, $plain) = @_;
	my ($l, $r) = ($left->{sql}, $right->{sql});

	if ($left->{kind} ne $right->{kind})
	{
		my %kinds = map { $_->{kind} => 1 } $left, $right;
		# what stands in a table is a uuid, a constant need not be one
		if ($kinds{uuid} && chance(0.5) && !grep { $_->{kind} eq 'text' && !$_->{has_oid} } $left, $right)
		{
			$l .= '::uuid' if $left->{kind} eq 'text';
			$r .= '::uuid' if $right->{kind} eq 'text';
		}
		else
		{
			$l .= '::text' if $left->{kind} ne 'text';
			$r .= '::text' if $right->{kind} ne 'text';
		}
	}
	return "$l IS NOT DISTINCT FROM $r" if !$plain && chance(0.05);
	return chance(0.5) ? "$l = $r" : "$r = $l";
}

# A pair of columns, one of each scope, that hold the same things.
sub partners
{
	my ($self, $left, $right) = @_;
	my @pairs;

	foreach my $l (grep { $is_shared{ $_->{pool} } } @$left)
	{
		next if $l->{kind} =~ /^(texts|uuids|json)$/;
		foreach my $r (grep { $_->{pool} eq $l->{pool} && $_->{kind} !~ /^(texts|uuids|json)$/ } @$right)
		{
			next if join(' ', sort $l->{kind}, $r->{kind}) =~ /^(account_status status|status tracking)$/;
			push @pairs, ($l->{pool} =~ /^(company|connection|account|site)$/ ? 5 : 1), [ $l, $r ];
		}
	}
	return @pairs ? @{ weighted(@pairs) } : ();
}

# ---- tables ----

sub scope_of
{
	my ($alias, $table) = @_;
	return [ map { { %$_, sql => "$alias.$_->{name}", table => $alias } } @{ $table->{columns} } ];
}

sub choose_foreign
{
	my ($self, @resources) = @_;
	my $resource = weighted(45 => 'connections', 32 => 'accounts', 14 => 'companies', 9 => 'sites');
	my @tables = grep { my $t = $_; @resources ? grep { $_ eq $t->{resource} } @resources : $t->{resource} eq $resource }
	  @{ $self->{foreign} };
	my @home = grep { $_->{name} =~ /^\Q$self->{home}\E\./ } @tables;

	return pick(@home) if @home && chance(0.6);
	return pick(@tables);
}

# A FROM item and its scope.
sub table_item
{
	my ($self, $table) = @_;
	my $alias = $self->alias;

	$table //= $self->choose_foreign;
	$self->form("table:" . ($table->{name} =~ /^(\w+)/)[0]);
	my $scope = scope_of($alias, $table);
	$_->{has_oid} = $table->{name} !~ /^views/ foreach @$scope;
	return ($self->table_name($table) . " $alias", $scope);
}

sub table_name
{
	my ($self, $table) = @_;
	return $table->{resource} eq 'local' ? $table->{name} : "{$table->{name}}";
}

sub subselect_item
{
	my ($self, %options) = @_;
	my $alias = $self->alias;
	my $query = $self->query(tables => chance(0.8) ? 1 : 2, %options);
	my $sql = $query->{sql};

	$sql = $self->total_order($query) . ' LIMIT ' . upto(20) if chance(0.15);
	$sql .= ' OFFSET 0' if chance(0.1);
	return ("($sql) $alias", scope_of($alias, $query));
}

sub values_item
{
	my ($self) = @_;
	my $alias = $self->alias;
	my $table = $self->choose_foreign;
	my @columns = some(1, 2, grep { $_->{kind} =~ /^(uuid|text|status)$/ } @{ $table->{columns} });
	my @rows = map { '(' . join(', ', map { $self->literal($_, typed => 1) } @columns) . ')' } 1 .. upto(4);
	my $index = 0;

	@columns = map { { %$_, name => 'v' . ++$index, type => undef } } @columns;
	my $names = join ', ', map { $_->{name} } @columns;
	return ('(VALUES ' . join(', ', @rows) . ") $alias ($names)", scope_of($alias, { columns => \@columns }));
}

sub unnest_item
{
	my ($self) = @_;
	my $alias = $self->alias;
	my ($column) = some(1, 1, grep { $_->{kind} =~ /^(uuid|text)$/ } @{ $self->choose_foreign->{columns} });
	return ('unnest(' . $self->array($column) . ") $alias (v)", scope_of($alias, { columns => [ { %$column, name => 'v' } ] }));
}

sub any_item
{
	my ($self, %options) = @_;
	my $depth = $self->{depth} // 0;
	my $kind = weighted(
		70 => 'foreign',
		15 => 'local',
		($depth < 2 ? 8 : 0) => 'subselect',
		2 => 'values',
		2 => 'unnest',
		(@{ $self->{ctes} // [] } ? 30 : 0) => 'cte');

	$self->form("item:$kind");
	return $self->table_item(pick(@{ $self->{local} })) if $kind eq 'local';
	return $self->subselect_item if $kind eq 'subselect';
	return $self->values_item if $kind eq 'values';
	return $self->unnest_item if $kind eq 'unnest';
	if ($kind eq 'cte')
	{
		my $cte = pick(@{ $self->{ctes} });
		my $alias = $self->alias;
		return ("$cte->{name} $alias", scope_of($alias, $cte));
	}
	return $self->table_item;
}

# A LATERAL item whose rows depend on those to its left.
sub lateral_item
{
	my ($self, $left) = @_;
	my $alias = $self->alias;
	my $query = $self->query(tables => 1, outer => $left);
	my $sql = $query->{sql};

	$sql = $self->total_order($query) . ' LIMIT ' . upto(4) if chance(0.4);
	return ("LATERAL ($sql) $alias", scope_of($alias, $query));
}

# FROM with so many items, and its scope.
sub from
{
	my ($self, $count) = @_;
	my ($sql, $scope) = chance(0.85) ? $self->table_item : $self->any_item;
	my @where;

	foreach (2 .. $count)
	{
		my ($kind, $item, $columns, @pair);

		if (chance(0.1) && ($self->{depth} // 0) < 2)
		{
			($item, $columns) = $self->lateral_item($scope);
			$kind = pick('CROSS JOIN', 'LEFT JOIN');
			$self->form("join:lateral");
			$sql .= " $kind $item" . ($kind eq 'LEFT JOIN' ? ' ON true' : '');
			$scope = [ @$scope, @$columns ];
			next;
		}
		foreach (1 .. 6)
		{
			($item, $columns) = $self->any_item;
			@pair = $self->partners($scope, $columns);
			last if @pair;
		}
		if (!@pair)
		{
			($item, $columns) = $self->table_item($self->{local}[1]);
			@pair = $self->partners($scope, $columns);
		}
		$kind = weighted(40 => 'JOIN', 25 => 'LEFT JOIN', 10 => 'RIGHT JOIN', 8 => 'FULL JOIN', 10 => ',');
		$kind = 'CROSS JOIN' if !@pair;
		$self->form("join:\L$kind");
		if ($kind eq 'CROSS JOIN') { $sql .= " CROSS JOIN $item"; }
		elsif ($kind eq ',')
		{
			$sql = "$sql CROSS JOIN $item";
			push @where, $self->equality(@pair);
			push @where, $self->comparison(pick(@pair)) if chance(0.3);
		}
		else
		{
			my $on = $self->equality(@pair, $kind eq 'FULL JOIN');
			if ($kind ne 'FULL JOIN')
			{
				my @more = chance(0.3) ? $self->partners($scope, $columns) : ();
				$on .= ' AND ' . $self->equality(@more) if @more;
				$on .= ' AND ' . $self->comparison(key_first(@$scope, @$columns)) if chance(0.15);
			}
			$sql .= " $kind $item ON $on";
			push @where, $self->comparison(chance(0.8) ? $pair[0] : $pair[1]) if chance(0.3);
		}
		$scope = [ @$scope, @$columns ];
	}
	return ($sql, $scope, @where);
}

# ---- conditions ----

sub comparison
{
	my ($self, $column) = @_;
	my $kind = $column->{kind};
	my @forms = $kind =~ /^(texts|uuids)$/ ? $self->list_forms($column)
	  : $kind eq 'json' ? $self->json_forms($column)
	  : $kind eq 'row' ? (1 => [ 'null test', sub { "$column->{sql} IS NOT NULL" } ])
	  : $self->scalar_forms($column);
	my ($name, $make) = @{ weighted(@forms) };

	$self->form("where:$name");
	return $make->();
}

sub scalar_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};
	my $kind = $column->{kind};
	my $v = sub { $self->literal($column, @_) };
	my @literals = $kind =~ /^(uuid|text)$/ && chance(0.5) ? map { quote($_) } $self->values_of($column, upto(4))
	  : map { $v->() } 1 .. upto(4);
	my $equal = sub { chance(0.85) ? "$x = $_[0]" : "$_[0] = $x" };
	my $same = sub { chance(0.6) ? "$x IS NOT DISTINCT FROM $_[0]" : "$x = $_[0]" };
	my $list = sub { join ', ', @literals };
	my @forms = (
		12 => [ 'equal', sub { my $l = $v->(); chance(0.8) ? "$x = $l" : "$l = $x" } ],
		3 => [ 'unequal', sub { "$x " . pick('<>', '!=') . ' ' . $v->() } ],
		6 => [ 'in', sub { "$x IN (" . $list->() . ')' } ],
		2 => [ 'not in', sub { "$x NOT IN (" . $list->() . ')' } ],
		6 => [ 'any array', sub { "$x = ANY (" . $self->array($column) . ')' } ],
		2 => [ 'all array', sub { "$x " . pick('<>', '=') . ' ALL (' . $self->array($column) . ')' } ],
		1 => [ 'any unequal', sub { "$x <> ANY (" . $self->array($column) . ')' } ],
		6 => [ 'or of equalities', sub { '(' . join(' OR ', map { $equal->($_) } @literals, $v->()) . ')' } ],
		2 => [ 'or of not distinct', sub { '(' . join(' OR ', map { $same->($_) } @literals, $v->()) . ')' } ],
		2 => [ 'or with null', sub { "($x = " . $v->() . " OR $x IS NULL)" } ],
		4 => [ 'distinct from', sub { "$x IS " . pick('', 'NOT ', 'NOT ') . 'DISTINCT FROM ' . $v->() } ],
		3 => [ 'null test', sub { "$x IS " . pick('NULL', 'NOT NULL') } ],
		2 => [ 'coalesce', sub { 'coalesce(' . "$x, " . $v->(typed => 1) . ') = ' . $v->() } ],
		1 => [ 'nullif', sub { "nullif($x, " . $v->(typed => 1) . ') ' . pick('IS NULL', 'IS NOT NULL') } ],
		1 => [ 'case value', sub {
				"$x = CASE WHEN " . pick('true', '1 = 0') . ' THEN ' . $v->(typed => 1) . ' ELSE ' . $v->(typed => 1) . ' END'
			} ],
		1 => [ 'in values', sub { "$x IN (VALUES " . join(', ', map { '(' . $v->(typed => 1) . ')' } 1 .. upto(3)) . ')' } ],);

	push @forms, $self->range_forms($column) if $kind ne 'bool';
	push @forms, $self->subselect_forms($column) if ($self->{depth} // 0) < 2 && $is_shared{ $column->{pool} };
	push @forms, $self->uuid_forms($column) if $kind eq 'uuid';
	push @forms, $self->text_forms($column) if $kind eq 'text';
	push @forms, $self->enum_forms($column) if $kind =~ /status|category|tracking/;
	push @forms, $self->status_forms($column) if $kind eq 'status';
	push @forms, $self->bool_forms($column) if $kind eq 'bool';
	push @forms, $self->time_forms($column) if $kind =~ /^(time|date)$/;
	return @forms;
}

# A condition on the column in a form that can be asked for.
sub binding
{
	my ($self, $column) = @_;
	my %wanted = map { $_ => 1 } 'equal', 'in', 'any array', 'or of equalities', 'or of not distinct', 'function',
	  'array of functions', 'uuid as text', 'uuid as text in', 'uuid as text any', 'text as uuid', 'array of subselect',
	  'any varchar', 'varchar';
	return $self->chosen_form($column, 'bind', sub { $wanted{ $_[0] } });
}

# A condition on a status, or what follows from it, without other tables.
sub status_condition
{
	my ($self, $column) = @_;
	return $self->chosen_form($column, 'status', sub { $_[0] !~ /subselect|exists|values/ });
}

# A scalar form whose name is fit.
sub chosen_form
{
	my ($self, $column, $what, $is_fit) = @_;
	my @forms = $self->scalar_forms($column);
	my @fit;

	while (my ($weight, $form) = splice @forms, 0, 2)
	{
		push @fit, $weight, $form if $weight && $is_fit->($form->[0]);
	}
	my ($name, $make) = @{ weighted(@fit) };
	$self->form("$what:$name");
	return $make->();
}

# A condition that chooses a route, alone or as what ORed ANDs have in common.
sub route_condition
{
	my ($self, $scope) = @_;
	my @keys = grep { $_->{pool} =~ /^(company|connection|company_name|crm)$/ && $_->{kind} =~ /^(uuid|text)$/ } @$scope;

	return 'true' if !@keys;
	my $column = pick(@keys);
	return $self->binding($column) if chance(0.85);
	my @arms = map { '(' . $self->binding($column) . ' AND ' . $self->comparison(key_first(@$scope)) . ')' } 1 .. 1 + upto(2);
	return '(' . join(' OR ', @arms) . ')';
}

# Conditions that a listing can answer whole.
sub exact_conditions
{
	my ($self, $scope) = @_;
	my ($company) = grep { $_->{pool} eq 'company' && $_->{kind} =~ /^(uuid|text)$/ } @$scope;
	my @filters = grep { $_->{name} =~ /^(status|status_category|needs_user_action|workflow_owner_email)$/ } @$scope;
	my @where = $company && chance(0.7) ? ($self->binding($company)) : ();

	push @where, map { $_->{name} eq 'workflow_owner_email' ? $self->binding($_) : $self->status_condition($_) }
	  some(chance(0.7) ? 1 : 0, 2, @filters);
	return @where;
}

sub range_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};
	my $v = sub { $self->literal($column) };

	return (
		2 => [ 'range', sub { "$x " . pick('<', '<=', '>', '>=') . ' ' . $v->() } ],
		2 => [ 'between', sub { "$x " . pick('', '', 'NOT ') . 'BETWEEN ' . pick('', '', 'SYMMETRIC ') . $v->() . ' AND ' . $v->() } ],);
}

sub uuid_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};
	my $text = sub { quote($self->value($column) // '') };
	my $company = sub { pick('mine.company', 'mine.fixed_company', 'mine.moody_company') . '(' . upto(6) . ')' };

	return (
		5 => [ 'uuid as text', sub { "$x\::text = " . $text->() } ],
		2 => [ 'uuid as text in', sub { "$x\::text IN (" . join(', ', map { $text->() } 1 .. upto(3)) . ')' } ],
		2 => [ 'uuid as text any', sub { "$x\::text = ANY (" . array_text(map { $self->value($column) } 1 .. upto(4)) . '::text[])' } ],
		1 => [ 'uuid as varchar', sub { "$x\::varchar = " . $text->() } ],
		1 => [ 'uuid as text like', sub { "$x\::text LIKE '%" . sprintf('%x', upto(15)) . q(') } ],
		1 => [ 'uuid as upper text', sub { "upper($x\::text) = upper(" . $text->() . ')' } ],
		2 => [ 'text as uuid', sub { my $value = $self->value($column); "$x = " . quote($value) . '::text::uuid' } ],
		1 => [ 'item of an array', sub { "$x = (" . $self->array($column) . ')[' . upto(3) . ']' } ],
		1 => [ 'unnest', sub { "$x = ANY (SELECT unnest(" . $self->array($column) . '))' } ],
		($column->{pool} eq 'company' ? 5 : 0) => [ 'function', sub { "$x = " . $company->() } ],
		($column->{pool} eq 'company' ? 2 : 0) => [ 'array of functions', sub {
				"$x = ANY (ARRAY[" . join(', ', map { $company->() } 1 .. upto(3)) . '])'
			} ],
		($column->{pool} eq 'connection' ? 3 : 0) => [ 'function', sub { "$x = mine.connection(" . upto(75) . ')' } ],);
}

sub text_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};
	my $text = sub { $self->value($column) // '' };
	my $part = sub { my $t = $text->(); substr $t, int(rand(length($t) + 1)) / 2, 1 + int rand 4 };

	return (
		3 => [ 'like', sub { "$x " . pick('LIKE', 'ILIKE', 'NOT LIKE') . ' ' . quote(pick('%', '') . $part->() . '%') } ],
		1 => [ 'like exact', sub { "$x LIKE " . quote($text->()) } ],
		1 => [ 'regexp', sub { "$x " . pick('~', '~*', '!~') . q( '^[A-Fa-f]') } ],
		2 => [ 'lower', sub { "lower($x) = lower(" . quote($text->()) . ')' } ],
		1 => [ 'length', sub { "length($x) > " . upto(20) } ],
		1 => [ 'concatenation', sub { "$x || '' = " . quote($text->()) } ],
		2 => [ 'folded collation', sub { "$x = " . quote(pick(lc $text->(), $text->())) . ' COLLATE mine.folded' } ],
		1 => [ 'folded collation in', sub { "$x COLLATE mine.folded IN (" . join(', ', map { quote(uc $text->()) } 1 .. 2) . ')' } ],
		1 => [ 'C collation', sub { qq($x COLLATE "C" = ) . quote($text->()) } ],
		2 => [ 'varchar', sub { "$x\::varchar = " . quote($text->()) } ],
		1 => [ 'text as varchar', sub { "$x = " . quote($text->()) . '::varchar(' . upto(9) . ')' } ],
		2 => [ 'bpchar', sub { "$x\::bpchar = " . quote($text->() . pick('', '  ')) } ],
		1 => [ 'char(n)', sub { "$x\::char(" . upto(9) . ') = ' . quote($text->()) } ],
		1 => [ 'name', sub { "$x\::name = " . quote($text->()) } ],
		1 => [ 'function', sub { "$x = mine.label(" . quote($text->()) . ')' } ],
		1 => [ 'any varchar', sub { "$x = ANY (" . array_text($self->values_of($column, upto(3))) . '::varchar[])' } ],
		1 => [ 'split', sub { "$x = ANY (string_to_array(" . quote(join '/', map { $text->() } 1 .. 2) . ", '/'))" } ],
		($column->{pool} eq 'label' ? 6 : 0) => [ 'label', sub { $self->label_condition($x) } ],);
}

# Conditions on a label as text, whatever they may be.
sub label_condition
{
	my ($self, $x) = @_;
	my @some = map { quote($_) } some(1, 3, @labels, 'ON_HOLD', 'NOPE');

	return pick(
		"$x <> $some[0]", "$x NOT IN (" . join(', ', @some) . ')', "$x LIKE 'P%'", "$x NOT LIKE '%N%'",
		"left($x, 1) = 'P'", "length($x) > 12", "$x || 'x' <> 'x'", "coalesce($x, 'none') <> $some[0]",
		"$x IN ($some[0], mine.label('CONNECTED'))", "$x > 'OTHER'", "upper($x) = $some[0]", "$x = ANY (ARRAY[$some[0]])",
		"CASE WHEN $x = $some[0] THEN true WHEN $x IN (" . join(', ', @some) . ") THEN false ELSE $x LIKE '%E%' END",
		"$x IS DISTINCT FROM $some[0]", "NOT ($x = $some[0])", "($x = $some[0]) IS NOT TRUE", "($x <> $some[0]) IS UNKNOWN");
}

sub enum_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};
	my $v = sub { quote($self->value($column)) };

	return (
		4 => [ 'enum as text', sub { "$x\::text " . pick('=', '<>', '>') . ' ' . quote($self->value($column)) } ],
		2 => [ 'enum as text in', sub { "$x\::text " . pick('', 'NOT ') . 'IN (' . join(', ', map { $v->() } 1 .. upto(3)) . ')' } ],
		1 => [ 'enum as text like', sub { "$x\::text LIKE '%" . pick('E', 'C', 'ED') . q(%') } ],
		2 => [ 'case', sub { "CASE $x WHEN " . $v->() . ' THEN true WHEN ' . $v->() . ' THEN NULL ELSE false END' } ],
		1 => [ 'case of numbers', sub { "CASE WHEN $x IN (" . $v->() . ', ' . $v->() . ') THEN 1 ELSE 2 END = ' . upto(2) } ],
		1 => [ 'enum is not true', sub { "($x = " . $v->() . ') IS ' . pick('NOT TRUE', 'UNKNOWN', 'NOT FALSE') } ],
		1 => [ 'not', sub { "NOT ($x = " . $v->() . ')' } ],);
}

sub status_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};

	return (
		4 => [ 'label', sub { $self->label_condition("$x\::text") } ],
		3 => [ 'status_category()', sub {
				my $call = "nectar.status_category($x)";
				pick("$call = 'healthy'", "$call <> 'credential_error'", "$call\::text IN ('system', 'healthy')", "$call IS NULL")
			} ],
		2 => [ 'needs_user_action()', sub { pick('', 'NOT ') . "nectar.needs_user_action($x)" . pick('', ' IS NOT TRUE') } ],
		1 => [ 'is_checked_weekly()', sub { "nectar.is_checked_weekly($x)" } ],
		1 => [ 'guidance()', sub { "nectar.guidance($x) LIKE '%link%'" } ],
		1 => [ 'enum_range()', sub { "$x = ANY (enum_range('" . pick(@labels) . "'::nectar.connection_status, NULL))" } ],);
}

sub bool_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};

	return (
		9 => [ 'boolean', sub { $x } ],
		6 => [ 'not boolean', sub { "NOT $x" } ],
		4 => [ 'boolean test', sub { "$x IS " . pick('TRUE', 'NOT TRUE', 'FALSE', 'NOT FALSE', 'UNKNOWN', 'NOT UNKNOWN') } ],);
}

sub time_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};
	my $v = sub { quote($self->value($column)) . "::$type_of{$column->{kind}}" };

	return (
		2 => [ 'date_trunc', sub { "date_trunc('month', $x) = date_trunc('month', " . $v->() . ')' } ],
		1 => [ 'extract', sub { "extract(" . pick('year', 'quarter', 'dow') . " FROM $x) IN (2, 2023, 2024)" } ],
		1 => [ 'interval', sub { "$x > " . $v->() . " - interval '90 days'" } ],
		1 => [ 'now()', sub { "$x < now() - interval '400 days'" } ],);
}

sub list_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};
	my %item = (%$column, kind => $column->{kind} eq 'uuids' ? 'uuid' : 'text');
	my $v = sub { $self->literal(\%item, typed => 1) };

	return (
		3 => [ 'item of a column', sub { $v->() . " = ANY ($x)" } ],
		2 => [ 'contains', sub { "$x @> ARRAY[" . $v->() . ']' } ],
		1 => [ 'overlaps', sub { "$x && " . $self->array(\%item) } ],
		1 => [ 'cardinality', sub { "cardinality($x) > " . upto(2) } ],
		1 => [ 'subscript', sub { "$x\[1] = " . $v->() } ],
		1 => [ 'array equal', sub { "$x = " . $self->array(\%item) } ],
		1 => [ 'null test', sub { "$x IS " . pick('NULL', 'NOT NULL') } ],);
}

sub json_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};
	my $member = pick('status', 'id', 'name', 'country', 'externalId', 'trackingStatus', 'isTracked');
	my $text = quote($self->value({ kind => 'text', pool => pick('label', 'country', 'external') }));

	return (
		3 => [ 'json member', sub { "$x ->> '$member' = $text" } ],
		2 => [ 'json path', sub { "$x #>> '{company,id}' = '" . Worlds::company(upto(5)) . q(') } ],
		2 => [ 'json contains', sub { qq($x @> '{"country": "US"}') } ],
		1 => [ 'json key', sub { "$x ? '$member'" } ],
		1 => [ 'json type', sub { "jsonb_typeof($x -> '$member') = 'string'" } ],);
}

# A query of one column that goes with the column, and that column's SQL
# inside: for IN, EXISTS and the like.
sub related
{
	my ($self, $column) = @_;
	my @candidates = grep {
		my $table = $_;
		grep { $_->{pool} eq $column->{pool} && $_->{kind} eq $column->{kind} } @{ $table->{columns} }
	} @{ $self->{tables} };
	my @home = grep { $_->{name} =~ /^(\Q$self->{home}\E|mine)\./ } @candidates;

	@candidates = @home if @home && chance(0.6);
	return if !@candidates;
	my ($from, $scope) = $self->table_item(pick(@candidates));
	my $inner = pick(grep { $_->{pool} eq $column->{pool} && $_->{kind} eq $column->{kind} } @$scope);
	my @where = chance(0.7) ? $self->comparison(key_first(@$scope)) : ();
	return ($from, $inner->{sql}, @where);
}

sub subselect_forms
{
	my ($self, $column) = @_;
	my $x = $column->{sql};
	my $with = sub {
		my ($template, @more) = @_;
		local $self->{depth} = ($self->{depth} // 0) + 1;
		my ($from, $y, @where) = $self->related($column) or return "$x IS NOT NULL";
		my $where = join ' AND ', (map { s/%x/$x/gr =~ s/%y/$y/gr } @more), @where;
		$where = "WHERE $where" if length $where;
		return $template =~ s/%x/$x/gr =~ s/%y/$y/gr =~ s/%from/$from/r =~ s/%where/$where/r;
	};

	return (
		3 => [ 'in subselect', sub { $with->('%x IN (SELECT %y FROM %from %where)') } ],
		2 => [ 'not in subselect', sub { $with->('%x NOT IN (SELECT %y FROM %from %where)', '%y IS NOT NULL') } ],
		3 => [ 'exists', sub { $with->('EXISTS (SELECT FROM %from %where)', '%y = %x') } ],
		3 => [ 'not exists', sub { $with->('NOT EXISTS (SELECT 1 FROM %from %where)', '%x = %y') } ],
		2 => [ 'array of subselect', sub { $with->('%x = ANY (ARRAY(SELECT %y FROM %from %where))') } ],
		2 => [ 'scalar subselect', sub { $with->('%x = (SELECT %y FROM %from %where ORDER BY 1 LIMIT 1)', '%y IS NOT NULL') } ],
		1 => [ 'count in subselect', sub { $with->('(SELECT count(*) FROM %from %where) ' . pick('> 0', '= 1', '= 0', '> 2'), '%x = %y') } ],
		1 => [ 'all of subselect', sub { $with->('%x <> ALL (SELECT %y FROM %from %where)', '%y IS NOT NULL') } ],
		1 => [ 'in grouped subselect', sub { $with->('%x IN (SELECT %y FROM %from %where GROUP BY 1 HAVING count(*) > 1)') } ],);
}

sub row_comparison
{
	my ($self, $scope) = @_;
	my @columns = some(2, 2, grep { $_->{kind} =~ /^(uuid|text|status|bool|date)$/ } @$scope);

	return 'true' if @columns < 2;
	my $row = '(' . join(', ', map { $_->{sql} } @columns) . ')';
	my $values = sub { '(' . join(', ', map { $self->literal($_, typed => 1) } @columns) . ')' };
	return "$row = " . $values->() if chance(0.4);
	return "$row IN (" . join(', ', map { $values->() } 1 .. upto(3)) . ')' if chance(0.6);
	return "$row " . pick('<', '>=', '<>') . ' ' . $values->();
}

sub whole_row
{
	my ($self, $scope) = @_;
	my $row = pick(@$scope)->{table};

	return pick(
		"$row IS NULL", "$row IS NOT NULL", "NOT ($row IS NULL)", "$row = $row", "$row IS DISTINCT FROM NULL",
		"length($row\::text) > 200");
}

# Only tables have one.
sub table_oid
{
	my ($self, $scope) = @_;
	my @tables = grep { $_->{has_oid} } @$scope;

	return 'true' if !@tables;
	my $alias = pick(@tables)->{table};
	my @names = ('{parts.c1}', '{parts.rest}', '{parts.a4}', '{parts.theirs}', '{paged.connections}', 'mine.keys');
	return "$alias.tableoid " . pick('=', '<>') . " '" . pick(@names) . "'::regclass";
}

# A function that reads foreign tables itself, while they are being read.
sub reading_call
{
	my ($self, $scope) = @_;
	my ($company) = pick_order(grep { $_->{pool} eq 'company' && $_->{kind} eq 'uuid' } @$scope);
	my ($connection) = pick_order(grep { $_->{pool} eq 'connection' && $_->{kind} eq 'uuid' } @$scope);

	return "{views.connections_of}($company->{sql}) " . pick('> 9', '< 9', '= 14') if $company && (!$connection || chance(0.5));
	return "{views.company_of}($connection->{sql}) = " . ($company ? $company->{sql} : 'mine.company(2)') if $connection;
	return '{views.connections_of}(mine.company(' . upto(6) . ')) > 3';
}

sub predicate
{
	my ($self, $scope, $depth) = @_;
	my $again = sub { $self->predicate($scope, $depth + 1) };
	my $column = key_first(@$scope);
	my $atom = sub { $self->comparison($column) };

	return $atom->() if $depth > 2;
	my ($name, $make) = @{
		weighted(
			64 => [ 'atom', $atom ],
			9 => [ 'or', sub { '(' . $again->() . ' OR ' . $again->() . ')' } ],
			5 => [ 'or of ands', sub { '((' . $again->() . ' AND ' . $again->() . ') OR (' . $again->() . ' AND ' . $again->() . '))' } ],
			4 => [ 'same column twice', sub { '(' . $atom->() . ' ' . pick('AND', 'OR') . ' ' . $self->comparison($column) . ')' } ],
			4 => [ 'not', sub { 'NOT (' . $again->() . ')' } ],
			2 => [ 'is true', sub { '(' . $again->() . ') IS ' . pick('TRUE', 'NOT TRUE', 'NOT FALSE', 'UNKNOWN') } ],
			2 => [ 'case', sub { 'CASE WHEN ' . $again->() . ' THEN ' . $again->() . ' ELSE ' . $again->() . ' END' } ],
			1 => [ 'coalesce', sub { 'coalesce(' . $again->() . ', ' . pick('true', 'false') . ')' } ],
			4 => [ 'row', sub { $self->row_comparison($scope) } ],
			2 => [ 'constant', sub { pick('true', '1 = 1', '1 = 0', 'false', 'NULL::boolean') } ],
			1 => [ 'volatile', sub { pick('random() < 2', 'random() > 2', "clock_timestamp() > '2020-01-01'") } ],
			2 => [ 'whole row', sub { $self->whole_row($scope) } ],
			1 => [ 'tableoid', sub { $self->table_oid($scope) } ],
			3 => [ 'function that reads', sub { $self->reading_call($scope) } ],
			2 => [ 'two columns', sub { my @pair = $self->partners($scope, $scope); @pair ? $self->equality(@pair) : 'true' } ],)
	};
	$self->form("predicate:$name") if $name ne 'atom';
	return $make->();
}

# Conditions to be ANDed; with an outer scope one of them ties the two.
sub conditions
{
	my ($self, $scope, $outer, $most) = @_;
	my @where = map { $self->predicate($scope, 0) } 1 .. weighted(20 => 0, 40 => 1, 28 => 2, 12 => 3);

	push @where, $self->route_condition($scope) if chance(0.35);
	if ($outer)
	{
		my @pair = $self->partners($outer, $scope);
		push @where, $self->equality(@pair) if @pair;
		push @where, $self->predicate($outer, 2) if chance(0.1);
	}
	return @where;
}

# ---- SELECT ----

# An expression of a kind, as a column without a name.
sub output
{
	my ($self, $scope, $wanted) = @_;

	if ($wanted)
	{
		my @fit = grep { $_->{kind} eq $wanted->{kind} } @$scope;
		my @better = grep { $_->{pool} eq $wanted->{pool} } @fit;
		return { %{ pick(@better ? @better : @fit) } } if @fit;
		return { kind => 'text', pool => 'none', sql => key_first(@$scope)->{sql} . '::text' } if $wanted->{kind} eq 'text';
		return { %$wanted, sql => $self->literal($wanted, typed => 1) };
	}
	my $column = key_first(@$scope);
	my $dice = rand;

	return {%$column} if $dice < 0.8;
	return { kind => 'text', pool => 'none', sql => "$column->{sql}::text" } if $dice < 0.86;
	return { kind => 'bool', pool => 'bool', sql => '(' . $self->predicate($scope, 2) . ')' } if $dice < 0.9;
	return { kind => 'text', pool => 'none', sql => "coalesce($column->{sql}::text, 'none')" } if $dice < 0.93;
	if ($dice < 0.96 && ($self->{depth} // 0) < 2 && $is_shared{ $column->{pool} })
	{
		local $self->{depth} = ($self->{depth} // 0) + 1;
		my ($from, $y, @where) = $self->related($column);
		if ($from)
		{
			my $where = join ' AND ', "$y = $column->{sql}", @where;
			$self->form('output:scalar subselect');
			return { kind => 'int', pool => 'none', sql => "(SELECT count(*) FROM $from WHERE $where)::int" };
		}
	}
	my $sql = "CASE WHEN $column->{sql} IS NULL THEN 'none' ELSE left($column->{sql}::text, 9) END";
	return { kind => 'text', pool => 'none', sql => $sql };
}

# Give outputs the names o1, o2, ...
sub name_outputs
{
	my (@outputs) = @_;
	my $index = 0;

	return map { { %$_, name => 'o' . ++$index } } @outputs;
}

sub select_list
{
	my (@columns) = @_;
	return join ', ', map { "$_->{sql} AS $_->{name}" } @columns;
}

# A SELECT without order or limit: { sql, columns }.
# Options: tables, outer (scope), wanted (columns whose kinds are to come out).
sub query
{
	my ($self, %options) = @_;
	local $self->{depth} = ($self->{depth} // -1) + 1;
	my ($from, $scope, @where) = $self->from($options{tables} // 1);
	push @where, $self->conditions($scope, $options{outer});
	my @outputs = $options{wanted} ? map { $self->output($scope, $_) } @{ $options{wanted} }
	  : map { $self->output($scope) } 1 .. upto(4);
	my @columns = name_outputs(@outputs);
	my $sql = 'SELECT ' . select_list(@columns) . " FROM $from";

	$sql .= ' WHERE ' . join ' AND ', @where if @where;
	return { sql => $sql, columns => [ map { { name => $_->{name}, kind => $_->{kind}, pool => $_->{pool} } } @columns ],
		scope => $scope, from => $from, where => \@where };
}

sub how_many_tables { return weighted(45 => 1, 36 => 2, 15 => 3, 4 => 4); }

# ORDER BY every output: rows that are equal then are the same.
sub total_order
{
	my ($self, $query) = @_;
	my @positions = pick_order(1 .. @{ $query->{columns} });
	return "$query->{sql} ORDER BY " . join ', ', map { $_ . pick('', '', ' DESC', ' NULLS FIRST') } @positions;
}

sub aggregate
{
	my ($self, $scope) = @_;
	my $column = key_first(@$scope);
	my $x = $column->{sql};
	my @calls = ('count(*)', 'count(*)', "count($x)", "count(DISTINCT $x)", "min($x\::text)", "max($x\::text)",
		"string_agg($x\::text, ',' ORDER BY $x\::text)", "array_agg(DISTINCT $x\::text)", "bool_or($x IS NULL)");

	push @calls, "min($x)", "max($x)" if $column->{kind} =~ /^(text|time|date|number|status|account_status|category|tracking|int)$/;
	push @calls, "sum($x)", "avg($x)" if $column->{kind} eq 'number';
	push @calls, "every($x)", "bool_or($x)" if $column->{kind} eq 'bool';
	my $call = pick(@calls);
	if (chance(0.2))
	{
		$self->form('aggregate:filter');
		$call .= ' FILTER (WHERE ' . $self->predicate($scope, 2) . ')';
	}
	return { kind => 'text', pool => 'none', sql => "($call)::text" };
}

sub grouped
{
	my ($self) = @_;
	my ($from, $scope, @where) = $self->from(how_many_tables());
	my @keys = map { $self->output($scope) } 1 .. weighted(25 => 0, 45 => 1, 22 => 2, 8 => 3);
	@keys = grep { $_->{kind} ne 'json' && $_->{sql} !~ /SELECT|^(NULL|'|\$)/ } @keys;
	my @aggregates = map { $self->aggregate($scope) } 1 .. upto(3);
	my @columns = name_outputs(@keys, @aggregates);
	my $sql = 'SELECT ' . select_list(@columns) . " FROM $from";
	my $has_sets = 0;

	push @where, $self->conditions($scope);
	$sql .= ' WHERE ' . join ' AND ', @where if @where;
	if (@keys)
	{
		my $list = join ', ', map { $_->{sql} } @keys;
		my $how = weighted(70 => '%s', 8 => 'ROLLUP (%s)', 6 => 'CUBE (%s)', 6 => 'GROUPING SETS ((%s), ())');
		$self->form('group:' . ($how =~ /^(\w+)/ ? lc $1 : 'plain'));
		$sql .= ' GROUP BY ' . sprintf $how, $list;
		$has_sets = $how ne '%s';
	}
	$sql .= ' HAVING count(*) ' . pick('> 1', '>= 3', '< 5', '= 0') if chance(0.2);
	# PostgreSQL before 18 does not sort by a key that a clause holds to one
	# value, though grouping sets make it NULL
	return { sql => $sql, columns => \@columns, no_order => $has_sets };
}

sub distinct
{
	my ($self) = @_;
	my $query = $self->query(tables => how_many_tables());

	if (chance(0.5))
	{
		$self->form('distinct on');
		my @rest = pick_order(2 .. @{ $query->{columns} });
		my $sql = $query->{sql} =~ s/^SELECT/SELECT DISTINCT ON (1)/r;
		# DISTINCT ON takes a position as well
		$sql .= ' ORDER BY ' . join ', ', 1, map { $_ . pick('', ' DESC') } @rest;
		return { %$query, sql => "SELECT * FROM ($sql) d" };
	}
	$self->form('distinct');
	return { %$query, sql => $query->{sql} =~ s/^SELECT/SELECT DISTINCT/r };
}

sub windowed
{
	my ($self) = @_;
	my $query = $self->query(tables => how_many_tables());
	my @columns = @{ $query->{columns} };
	my ($part, $order) = (pick(@columns), pick(@columns));
	my $all = join ', ', map { $_->{name} } pick_order(@columns);
	my $call = pick(
		"count(*) OVER (PARTITION BY $part->{name})", "rank() OVER (ORDER BY $order->{name})",
		"dense_rank() OVER (PARTITION BY $part->{name} ORDER BY $order->{name} DESC)", "row_number() OVER (ORDER BY $all)",
		"lag($part->{name}) OVER (ORDER BY $all)", "first_value($part->{name}) OVER (PARTITION BY $order->{name} ORDER BY $all)",
		"count(*) FILTER (WHERE $part->{name} IS NULL) OVER (ORDER BY $order->{name})", 'count(*) OVER ()');

	my $sql = "SELECT w.*, ($call)::text AS o" . (@columns + 1) . " FROM ($query->{sql}) w";
	return { sql => $sql, columns => [ @columns, { name => 'o' . (@columns + 1), kind => 'text', pool => 'none' } ] };
}

sub combined
{
	my ($self) = @_;
	my @wanted = map { +{ kind => $_->{kind}, pool => $_->{pool} } }
	  some(1, 3, grep { $_->{kind} =~ /^(uuid|text|status|date)$/ } @{ $self->choose_foreign('connections', 'accounts')->{columns} });
	my $count = weighted(50 => 2, 30 => 3, 10 => 5, 5 => 9);
	my @arms = map { $self->query(tables => chance(0.75) ? 1 : 2, wanted => \@wanted)->{sql} } 1 .. $count;
	my $sql = shift @arms;
	my $same = chance(0.6) && 'UNION ALL';

	foreach my $arm (@arms)
	{
		my $operator = $same || pick('UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT', 'INTERSECT ALL', 'EXCEPT ALL');
		$self->form("set:\L$operator");
		$sql = chance(0.15) ? "($arm) $operator ($sql)" : "($sql) $operator ($arm)";
	}
	my $index = 0;
	my @columns = map { { %$_, name => 'o' . ++$index } } @wanted;
	my $query = { sql => "SELECT * FROM ($sql) u", columns => \@columns };
	$query = { sql => $sql, columns => \@columns } if chance(0.6);
	return $query if chance(0.75);
	return {
		sql => "SELECT o1 AS o1, count(*)::text AS o2 FROM ($sql) u GROUP BY 1",
		columns => [ $columns[0], { name => 'o2', kind => 'text', pool => 'none' } ] };
}

sub with_ctes
{
	my ($self) = @_;
	my @heads;
	local $self->{ctes} = [];

	foreach my $index (1 .. upto(2))
	{
		my $query = $self->query(tables => chance(0.7) ? 1 : 2);
		my $how = pick('', '', 'MATERIALIZED', 'NOT MATERIALIZED');
		push @heads, "cte$index AS $how ($query->{sql})";
		push @{ $self->{ctes} }, { name => "cte$index", columns => $query->{columns} };
	}
	my $query = $self->query(tables => 1 + upto(2));
	return { %$query, sql => 'WITH ' . join(', ', @heads) . " $query->{sql}" };
}

# count(*) and nothing else, over clauses that the API may be able to answer.
sub counted
{
	my ($self) = @_;
	local $self->{home} = chance(0.6) ? pick('paged', 'single', 'labels', 'scoped', 'other') : $self->{home};
	my ($from, $scope) = $self->table_item($self->choose_foreign(weighted(8 => 'connections', 1 => 'accounts', 1 => 'companies')));
	my @keys = grep { $is_key{ $_->{name} } } @$scope;
	my @where = chance(0.75) ? $self->exact_conditions($scope)
	  : map { chance(0.8) ? $self->comparison(pick(@keys)) : $self->predicate($scope, 0) } 1 .. weighted(15 => 0, 50 => 1, 35 => 2);
	my $what = chance(0.6) ? 'count(*)' : pick('count(1)', 'count(*) + 1', 'count(*), count(*) * 2', "count($keys[0]{sql})",
		'count(DISTINCT ' . pick(@keys)->{sql} . ')', 'count(*) FILTER (WHERE ' . $self->comparison(pick(@keys)) . ')');
	my $sql = "SELECT $what FROM $from";

	$sql .= ' WHERE ' . join ' AND ', @where if @where;
	$sql .= ' HAVING count(*) > ' . upto(9) if chance(0.1);
	$sql = "SELECT * FROM ($sql) n" if chance(0.1) && $what !~ /,/;
	return { sql => $sql, columns => [] };
}

# WITH RECURSIVE: companies that share an owner, connections of companies.
sub recursive
{
	my ($self) = @_;
	my ($first, $first_scope) = $self->table_item($self->choose_foreign('connections'));
	my ($a, $a_scope) = $self->table_item($self->choose_foreign('connections', 'accounts'));
	my ($root) = grep { $_->{pool} eq 'company' && $_->{kind} eq 'uuid' } @$first_scope;
	my ($next) = grep { $_->{pool} eq 'company' && $_->{kind} eq 'uuid' } @$a_scope;

	return $self->query(tables => 2) if !$root || !$next;
	my $limit = upto(3);
	return {
		sql => "WITH RECURSIVE r(n, company) AS (SELECT 1, $root->{sql} FROM $first WHERE " . $self->comparison($root)
		  . " UNION SELECT r.n + 1, mine.company(1 + (r.n + length($next->{sql}::text)) % 5) FROM r JOIN $a ON $next->{sql} = r.company"
		  . " WHERE r.n < $limit AND " . $self->predicate($a_scope, 2) . ') SELECT n, company FROM r',
		columns => [ { kind => 'int', pool => 'none' }, { kind => 'uuid', pool => 'company' } ] };
}

# What BI tools wrap around a table.
sub wrapped
{
	my ($self) = @_;
	my $table = $self->choose_foreign;
	my $name = $self->table_name($table);
	my $columns = join ', ', map { qq("$_->{name}") } @{ $table->{columns} };
	my $column = key_first(grep { $_->{kind} ne 'json' } @{ $table->{columns} });
	my $sql = pick(
		"SELECT * FROM $name LIMIT 0", "SELECT * FROM (SELECT $columns FROM $name) t WHERE 1 = 0", "SELECT $columns FROM $name",
		qq(SELECT "$column->{name}", count(*) FROM $name GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1000),
		"SELECT count(*) FROM (SELECT $columns FROM $name) t", "SELECT t.* FROM $name t WHERE false", "TABLE $name",
		qq(SELECT DISTINCT "$column->{name}" FROM $name ORDER BY 1),
		qq(SELECT min("$column->{name}"::text), max("$column->{name}"::text) FROM $name),
		"SELECT * FROM (SELECT * FROM (SELECT * FROM $name) a) b WHERE "
		  . $self->comparison({ %$column, sql => qq(b."$column->{name}") }),
		"SELECT t, t.tableoid::regclass FROM $name t", "SELECT row_to_json(t) FROM $name t", "SELECT (t).* FROM $name t",
		"SELECT count(t) FROM $name t", "SELECT FROM $name", "SELECT 1 FROM $name");
	return { sql => $sql, columns => [] };
}

# ---- cases: steps around a query ----

sub quiet { return { sql => shift, rule => 'ignore', @_ }; }
sub bag   { return { sql => shift, rule => 'bag', @_ }; }

# Plain, or by way of something that reads it whole.
sub carried
{
	my ($self, $query, $rule) = @_;
	my $sql = $query->{sql};
	my @named = grep { $_->{name} } @{ $query->{columns} };
	my $how = weighted(
		62 => 'plain', 5 => 'copy', (@named ? 6 : 0) => 'temporary table', 6 => 'cursor', (@named ? 5 : 0) => 'view',
		6 => 'explain', 4 => 'prepared', (@named ? 3 : 0) => 'insert', (@named ? 3 : 0) => 'materialized view');

	$self->form("carrier:$how");
	return ({ sql => "COPY ($sql) TO STDOUT", rule => $rule, copy => 1, plan => $sql }) if $how eq 'copy';
	return (
		quiet("CREATE TEMPORARY TABLE held AS $sql", plan => $sql),
		bag('TABLE held'), quiet('DROP TABLE held')) if $how eq 'temporary table';
	return (
		quiet("CREATE MATERIALIZED VIEW mine.held AS $sql WITH NO DATA"),
		quiet('REFRESH MATERIALIZED VIEW mine.held', plan => $sql),
		bag('TABLE mine.held'), quiet('DROP MATERIALIZED VIEW IF EXISTS mine.held'))
	  if $how eq 'materialized view';
	return (
		quiet('BEGIN'),
		bag("INSERT INTO mine.sink SELECT o1::text FROM ($sql) s RETURNING id", plan => $sql),
		quiet('ROLLBACK')) if $how eq 'insert';
	return (
		{ sql => "CREATE TEMPORARY VIEW seen " . pick('', 'WITH (security_barrier)') . " AS $sql", rule => 'ignore' },
		{ sql => 'SELECT * FROM seen WHERE ' . $self->predicate(scope_of('seen', $query), 1), rule => 'bag', plan => $sql },
		bag('SELECT count(*) FROM seen'), quiet('DROP VIEW IF EXISTS seen'))
	  if $how eq 'view';
	return ({ sql => 'EXPLAIN (' . pick('', 'ANALYZE, ') . pick('VERBOSE', 'COSTS OFF', 'FORMAT JSON') . ") $sql", rule => 'ignore' },
		{ sql => $sql, rule => $rule }) if $how eq 'explain';
	return (quiet("PREPARE p AS $sql", plan => $sql), (map { { sql => 'EXECUTE p', rule => $rule } } 1 .. 2)) if $how eq 'prepared';
	return (
		quiet('BEGIN'),
		quiet("DECLARE c CURSOR FOR $sql", plan => $sql),
		{ sql => 'FETCH ALL FROM c', rule => $rule }, quiet('COMMIT')) if $how eq 'cursor';
	return { sql => $sql, rule => $rule };
}

sub case_select
{
	my ($self, $query) = @_;
	my $rule = 'bag';

	$query //= $self->query(tables => how_many_tables());
	my $may_order = @{ $query->{columns} } && !$query->{no_order};
	if ($may_order && chance(0.25))
	{
		$query = { %$query, sql => $self->total_order($query) };
		$rule = 'exact';
		$query->{sql} .= ' LIMIT ' . pick(0, 1, 2, 5, 10, 30) if chance(0.5);
		$query->{sql} .= ' OFFSET ' . pick(0, 1, 3, 9) if chance(0.3);
	}
	elsif ($may_order && chance(0.06))
	{
		$self->form('with ties');
		$query = { %$query, sql => "$query->{sql} ORDER BY 1 FETCH FIRST " . upto(5) . ' ROWS WITH TIES' };
	}
	return $self->carried($query, $rule);
}

# Columns of one table, with conditions that a listing can answer whole.
sub listed
{
	my ($self) = @_;
	my ($from, $scope) = $self->table_item($self->choose_foreign('connections', 'connections', 'accounts'));
	my @columns = name_outputs(map { $self->output($scope) } 1 .. upto(3));
	my @where = $self->exact_conditions($scope);
	my $sql = 'SELECT ' . select_list(@columns) . " FROM $from";

	$sql .= ' WHERE ' . join ' AND ', @where if @where;
	return { sql => $sql, columns => \@columns, scope => $scope };
}

# LIMIT without an order: any rows will do, but as many.
sub case_limit
{
	my ($self) = @_;
	my $query = chance(0.2) ? $self->combined : $self->query(tables => weighted(75 => 1, 25 => 2));
	$query = $self->listed if chance(0.4);
	$query = { %$query, sql => $query->{sql} =~ s/^SELECT /SELECT generate_series(1, 3) AS o0, /r } if chance(0.05) && $query->{scope};
	my @limit = ('LIMIT ' . pick(1, 1, 2, 3, 4, 7, 10, 14, 50, 'ALL', 'NULL', '2 + 1', '(SELECT count(*) FROM mine.few)'));
	push @limit, 'OFFSET ' . pick(0, 1, 2, 5, 13, 60, '1 + 1') if chance(0.35);
	my $limit = join ' ', pick_order(@limit);
	my $step = { sql => "$query->{sql} $limit", rule => 'some', whole => $query->{sql} };

	return (
		quiet('BEGIN'), { %$step, sql => "DECLARE c CURSOR FOR $step->{sql}", rule => 'ignore' },
		{ %$step, sql => 'FETCH ALL FROM c', plan => $step->{sql} }, quiet('COMMIT')) if chance(0.15);
	return bag("SELECT count(*) FROM ($step->{sql}) l") if chance(0.15);
	return { sql => "SELECT n FROM mine.keys WHERE " . pick('', 'NOT ') . "EXISTS ($step->{sql})", rule => 'bag' } if chance(0.1);
	return $step;
}

# A prepared statement with parameters, past the sixth execution.
sub case_prepared
{
	my ($self) = @_;
	local $self->{parameters} = [];
	my $kind = weighted(35 => 'query', 25 => 'limit', 20 => 'counted', 20 => 'grouped');
	my $query = $kind eq 'counted' ? $self->counted : $kind eq 'grouped' ? $self->grouped
	  : chance(0.15) ? $self->combined : $self->query(tables => how_many_tables());
	my @parameters = @{ $self->{parameters} };
	my $rule = 'bag';
	my ($sql, @steps) = ($query->{sql});

	if ($kind eq 'limit')
	{
		my $number = { column => { kind => 'int', pool => 'none' } };
		push @parameters, $number, $number;
		my ($l, $o) = (@parameters - 1, scalar @parameters);
		if (chance(0.5)) { $sql = $self->total_order($query); $rule = 'exact'; }
		else { $rule = 'some'; }
		$sql .= " LIMIT \$$l OFFSET \$$o";
	}
	my $types = join ', ', map { $type_of{ $_->{column}{kind} } . ($_->{is_array} ? '[]' : '') } @parameters;
	my $list = $types eq '' ? '' : "($types)";
	$self->form("prepared:$kind");
	push @steps, quiet("PREPARE p $list AS $sql");
	# the types of parameters that are left out must be known all the same
	push @steps, quiet("PREPARE w $list AS $query->{sql}") if $rule eq 'some';
	foreach (1 .. 6 + upto(3))
	{
		local $self->{parameters};
		my $values = join ', ', map { $_->{is_array} ? $self->array($_->{column}) : quote($self->value($_->{column})) } @parameters;
		$values = $values eq '' ? '' : "($values)";
		push @steps, { sql => "EXECUTE p$values", rule => $rule, whole => "EXECUTE w$values" };
	}
	$steps[-1]{plan} = $steps[-1]{sql};
	$steps[-1]{plan_needs} = $steps[0]{sql};
	splice @steps, 3 + int rand 4, 0, $self->disturbance if chance(0.2);
	return @steps;
}

# Something beside the queries that makes plans and caches anew, and changes nothing.
sub disturbance
{
	my ($self, $is_open) = @_;
	my $server = pick([qw(paged page_size 3)], [qw(single page_size 7)], [qw(scoped max_concurrency 2)]);

	return {
		rule => 'ignore',
		sql => pick(
			"ALTER SERVER $server->[0] OPTIONS (SET $server->[1] '$server->[2]')",
			# not while a cursor reads the table
			$is_open ? () : "ALTER FOREIGN TABLE hand.few OPTIONS (SET resource 'connections')",
			'ANALYZE mine.keys', 'DISCARD PLANS', 'DISCARD PLANS') };
}

# Two cursors over the same server, read in turns.
sub case_two_cursors
{
	my ($self) = @_;
	my %query = map { $_ => chance(0.3) ? $self->combined : $self->query(tables => weighted(70 => 1, 30 => 2)) } qw(c d);
	my @steps = (quiet('BEGIN'));

	push @steps, map { quiet("DECLARE $_ CURSOR FOR $query{$_}{sql}", plan => $query{$_}{sql}) } qw(c d);
	foreach (1 .. 2 + upto(6))
	{
		my $name = pick('c', 'd');
		push @steps, { sql => 'FETCH ' . pick(1, 2, 5, 20, 'ALL') . " FROM $name", rule => 'some', whole => $query{$name}{sql} };
		push @steps, $self->disturbance(1) if chance(0.03);
	}
	return (@steps, { sql => 'CLOSE ' . pick('c', 'd', 'ALL'), rule => 'ignore' }, quiet('COMMIT'));
}

sub case_cursor
{
	my ($self) = @_;
	my $query = chance(0.15) ? $self->combined : $self->query(tables => weighted(60 => 1, 30 => 2, 10 => 3));
	my $scroll = chance(0.3);
	my $hold = chance(0.2);
	my $ordered = $scroll || chance(0.3);
	my $sql = $ordered ? $self->total_order($query) : $query->{sql};
	my @moves = ('FETCH 1', 'FETCH 3', 'FETCH 7', 'FETCH NEXT', 'MOVE 2', 'FETCH 40', 'FETCH FORWARD 5', 'FETCH 0', 'FETCH ALL');
	my $how = ($scroll ? 'SCROLL' : '') . ' CURSOR ' . ($hold ? 'WITH HOLD' : '');

	# the row fetched last once more is a step back, which some plans cannot make
	@moves = grep { $_ ne 'FETCH 0' } @moves if !$scroll;
	push @moves, 'FETCH BACKWARD 2', 'FETCH FIRST', 'FETCH LAST', 'MOVE BACKWARD 4', 'FETCH ABSOLUTE 3', 'FETCH RELATIVE -1',
	  'MOVE LAST', 'FETCH PRIOR'
	  if $scroll;
	my %rule = (rule => $ordered ? 'exact' : 'some', whole => $query->{sql});
	my @steps = map { { sql => pick(@moves) . ' FROM c', %rule } } 1 .. 1 + upto(5);
	my @begin = (quiet('BEGIN'), quiet("DECLARE c $how FOR $sql", plan => $sql));
	my @between = $hold ? (quiet('COMMIT')) : chance(0.4) ? (pick($self->case_select(undef))) : ();

	@between = () if !$hold && grep { $_->{sql} =~ /^(BEGIN|COMMIT|ROLLBACK|DECLARE|FETCH)|held|seen|EXECUTE/ } @between;
	$self->form('cursor:' . ($scroll ? 'scroll' : $hold ? 'hold' : 'plain'));
	my @end = $hold ? (quiet('CLOSE c')) : ({ sql => pick('COMMIT', 'ROLLBACK'), rule => 'ignore' });
	return (@begin, @between, @steps, @end);
}

# The query with constants for variables, to be explained.
sub without_variables
{
	my ($self, $sql) = @_;

	foreach my $variable (@{ $self->{variables} })
	{
		my $value = quote($self->value($variable)) . "::$type_of{$variable->{kind}}";
		$sql =~ s/\b\Q$variable->{sql}\E\b/$value/g;
	}
	return $sql;
}

# A plpgsql function that asks in a loop, with variables in its queries.
sub case_loop
{
	my ($self) = @_;
	local $self->{variables} = [ map { { sql => "k.$_->[0]", kind => $_->[1], pool => $_->[2] } } (
			[qw(company uuid company)], [qw(connection uuid connection)], [qw(label text label)], [qw(email text email)],
			[qw(name text company_name)], [qw(crm text crm)], [qw(status status label)], [qw(company_text text company)] ) ];
	my $kind = weighted(35 => 'for', 20 => 'cursor', 15 => 'into', 15 => 'exists', 15 => 'dynamic');
	my $query = $self->query(tables => chance(0.7) ? 1 : 2);
	my $sql = $query->{sql};
	my $body;

	$self->form("loop:$kind");
	if ($kind eq 'for')
	{
		my $failing = 'BEGIN PERFORM 1 / (met % 3); met := met + 1; EXCEPTION WHEN division_by_zero THEN met := met + 1; END;';
		$failing = '' if chance(0.8);
		$body = "FOR r IN $sql LOOP $failing RETURN NEXT k.n || ' ' || r::text; END LOOP;";
	}
	elsif ($kind eq 'cursor')
	{
		my $ordered = $self->total_order($query);
		$body = "OPEN c FOR $ordered; LOOP FETCH c INTO r; EXIT WHEN NOT FOUND; RETURN NEXT k.n || ' ' || r::text;"
		  . ' MOVE 1 FROM c; met := met + 1; EXIT WHEN met % 5 = 0; END LOOP; CLOSE c;';
	}
	elsif ($kind eq 'into')
	{
		$body = "SELECT count(*), string_agg(q::text, ',' ORDER BY q::text) INTO met, found_rows FROM ($sql) q;"
		  . " RETURN NEXT k.n || ' ' || met || coalesce(found_rows, '');";
	}
	elsif ($kind eq 'exists')
	{
		$body = "IF EXISTS ($sql) THEN RETURN NEXT k.n || ' yes'; ELSE RETURN NEXT k.n || ' no'; END IF;";
	}
	else
	{
		my @used = grep { index($sql, $_->{sql}) >= 0 } @{ $self->{variables} };
		my $index = 0;
		my $text = $sql;
		foreach my $variable (@used)
		{
			$index++;
			$text =~ s/\Q$variable->{sql}\E\b/\$$index/g;
		}
		my $using = @used ? 'USING ' . join ', ', map { $_->{sql} } @used : '';
		$body = "FOR r IN EXECUTE \$q\$$text\$q\$ $using LOOP RETURN NEXT k.n || ' ' || r::text; END LOOP;";
	}
	my $outer = 'SELECT * FROM ' . pick('mine.keys', 'mine.few', 'mine.keys WHERE n % 3 = 1') . ' ORDER BY n';
	my $guard = q(BEGIN PERFORM 1 / (k.n % 4); EXCEPTION WHEN division_by_zero THEN RETURN NEXT k.n || ' caught'; END;);
	$guard = '' if chance(0.85);
	my $function = <<"SQL";
CREATE OR REPLACE FUNCTION pg_temp.walk() RETURNS SETOF text LANGUAGE plpgsql AS \$walk\$
DECLARE k mine.keys; r record; c refcursor; met bigint := 0; found_rows text;
BEGIN
	FOR k IN $outer LOOP
		$guard $body
	END LOOP;
END \$walk\$
SQL
	my $plan = $self->without_variables($sql);
	return (
		quiet($function), bag('SELECT * FROM pg_temp.walk()', plan => $plan),
		quiet('DROP FUNCTION pg_temp.walk()'));
}

# Local tables written from what foreign tables say.
sub case_write
{
	my ($self) = @_;
	my ($from, $scope, @more) = $self->from(weighted(70 => 1, 30 => 2));
	my $keys = scope_of('k', $self->{local}[0]);
	my @pair = $self->partners($keys, $scope);
	return $self->case_select if !@pair;
	my $tie = $self->equality(@pair);
	my @where = map { " AND $_" } @more, $self->conditions($scope);
	my $kind = pick('delete', 'update', 'delete exists', 'for update', 'insert');
	my $sql = $kind eq 'delete' ? "DELETE FROM mine.keys k USING $from WHERE $tie@where RETURNING k.n"
	  : $kind eq 'update' ? "UPDATE mine.keys k SET n = -k.n FROM $from WHERE $tie@where RETURNING k.n"
	  : $kind eq 'delete exists' ? 'DELETE FROM mine.keys k WHERE '
	  . pick('', 'NOT ') . "EXISTS (SELECT FROM $from WHERE $tie@where) RETURNING *"
	  : $kind eq 'insert' ? "INSERT INTO mine.sink (id, status)"
	  . " SELECT k.n::text, $pair[1]{sql}::text FROM mine.keys k, $from WHERE $tie@where RETURNING *"
	  : "SELECT k.n FROM mine.keys k, $from WHERE $tie@where FOR " . pick('UPDATE', 'SHARE', 'NO KEY UPDATE') . ' OF k';

	# a comma binds less than a JOIN: what joins must not refer to k
	$self->form("write:$kind");
	return (quiet('BEGIN'), bag($sql), bag('SELECT n FROM mine.keys'),
		quiet('ROLLBACK'));
}

# Statements that fail, here as there, and one after them that does not.
sub case_error
{
	my ($self) = @_;
	my $connections = $self->table_name($self->choose_foreign('connections'));
	my $plain = '{' . pick('plain', 'paged', 'single', 'other') . '.connections}';
	my @after = $self->case_select($self->query(tables => 1));
	my $sql = pick(
		"SELECT id FROM $plain WHERE status = 'NOPE'", "SELECT id FROM $plain WHERE id = 'nonsense'",
		"SELECT id FROM $plain WHERE company_id = ANY ('{nonsense}')", "SELECT no_such_column FROM $connections",
		"SELECT 1 / (count(*) - count(*)) FROM $connections", "SELECT country::uuid FROM $plain WHERE country IS NOT NULL",
		"SELECT 1 / (length(datasource_name) - length(datasource_name)) FROM $plain", "SELECT id FROM $plain WHERE status = 1",
		"SELECT (SELECT id FROM $plain) FROM mine.few",
		"SELECT id = (SELECT id FROM $plain WHERE company_id = mine.company(1)) FROM $plain",
		"SELECT CASE WHEN id = mine.connection(3) THEN 1 / (length(id::text) - 36) END FROM $plain",
		"SELECT id FROM $plain ORDER BY 9", "SELECT id FROM $plain GROUP BY status", "SELECT id FROM $plain LIMIT -1",
		"SELECT id FROM $plain WHERE id = mine.label('nonsense')::uuid", "SELECT id FROM $plain WHERE status::text::uuid = id",
		"SELECT a.attrs ->> 'id' FROM {plain.accounts} a WHERE (a.attrs ->> 'status')::int > 1");

	$self->form('error');
	return (bag($sql), @after) if chance(0.4);
	my $open = $self->query(tables => 1);
	return (quiet('BEGIN'), quiet("DECLARE c CURSOR FOR $open->{sql}"),
		{ sql => 'FETCH 2 FROM c', rule => 'some', whole => $open->{sql} }, quiet('SAVEPOINT s'),
		bag($sql), quiet('ROLLBACK TO s'),
		{ sql => 'FETCH ALL FROM c', rule => 'some', whole => $open->{sql} }, quiet('COMMIT')) if chance(0.4);
	return (quiet('BEGIN'), quiet('SAVEPOINT s'), bag($sql),
		quiet('ROLLBACK TO s'), { sql => $self->query(tables => 1)->{sql}, rule => 'bag' },
		quiet('COMMIT'));
}

# A function in SQL, inlined or not.
sub case_function
{
	my ($self) = @_;
	local $self->{variables} = [
		{ sql => 'asked', kind => 'uuid', pool => 'company' }, { sql => 'named', kind => 'text', pool => 'label' } ];
	my $query = $self->query(tables => chance(0.7) ? 1 : 2);
	my $list = join ', ', map { "$_->{name} text" } @{ $query->{columns} };
	my $outputs = join ', ', map { "q.$_->{name}::text" } @{ $query->{columns} };
	my $how = pick('STABLE', 'STABLE', 'VOLATILE', 'STABLE STRICT', 'STABLE SECURITY DEFINER');
	my $call = pick("SELECT * FROM pg_temp.look(mine.company(" . upto(5) . "), 'CONNECTED')",
		'SELECT k.n, l.* FROM mine.few k, pg_temp.look(k.company, k.label) l',
		'SELECT k.n, l.* FROM mine.keys k LEFT JOIN LATERAL pg_temp.look(k.company, k.label) l ON true');

	my $function = "CREATE OR REPLACE FUNCTION pg_temp.look(asked uuid, named text) RETURNS TABLE ($list) LANGUAGE sql $how"
	  . " AS \$f\$ SELECT $outputs FROM ($query->{sql}) q \$f\$";

	return (
		quiet($function), bag($call, plan => $self->without_variables($query->{sql})), bag($call),
		quiet('DROP FUNCTION IF EXISTS pg_temp.look(uuid, text)'));
}

# ---- settings ----

sub choose_settings
{
	my ($self) = @_;
	my @settings;

	return [] if chance(0.4);
	foreach my $name (qw(enable_hashjoin enable_mergejoin enable_nestloop enable_memoize enable_material enable_async_append
		enable_sort enable_hashagg enable_incremental_sort enable_partition_pruning))
	{
		push @settings, [ $name, 'off' ] if chance(0.16);
	}
	push @settings, [ $_, 'on' ] foreach grep { chance(0.3) } qw(enable_partitionwise_join enable_partitionwise_aggregate);
	push @settings, [ 'plan_cache_mode', pick('force_generic_plan', 'force_custom_plan') ] if chance(0.35);
	push @settings, [ 'work_mem', '64kB' ] if chance(0.15);
	push @settings, [ 'join_collapse_limit', 1 ], [ 'from_collapse_limit', 1 ] if chance(0.06);
	push @settings, [ 'geqo_threshold', 2 ] if chance(0.04);
	push @settings, [ 'cursor_tuple_fraction', pick('0.01', '1') ] if chance(0.08);
	push @settings, [ 'parallel_setup_cost', 0 ], [ 'parallel_tuple_cost', 0 ], [ 'min_parallel_table_scan_size', 0 ] if chance(0.02);
	push @settings, [ pick('force_parallel_mode', 'debug_parallel_query'), 'on' ] if chance(0.01);
	my %exists = map { $_ => 1 } @{ $self->{settings} };
	return [ grep { $exists{ $_->[0] } } @settings ];
}

# The case of that number.
sub case
{
	my ($self, $number) = @_;

	srand unpack 'N', md5("$self->{seed} $number");
	@$self{qw(aliases forms)} = (0, {});
	$self->{home} = weighted(
		16 => 'plain', 22 => 'paged', 16 => 'single', 14 => 'labels', 12 => 'scoped', 8 => 'other', 20 => 'hand', 10 => 'parts',
		8 => 'views');
	my $settings = $self->choose_settings;
	my ($name, $make) = @{
		weighted(
			28 => [ 'select', sub { $self->case_select } ],
			11 => [ 'limit', sub { $self->case_limit } ],
			10 => [ 'count', sub { $self->carried($self->counted, 'bag') } ],
			9 => [ 'group', sub { $self->case_select($self->grouped) } ],
			8 => [ 'set', sub { $self->case_select($self->combined) } ],
			8 => [ 'prepared', sub { $self->case_prepared } ],
			5 => [ 'cursor', sub { $self->case_cursor } ],
			2 => [ 'two cursors', sub { $self->case_two_cursors } ],
			4 => [ 'loop', sub { $self->case_loop } ],
			6 => [ 'cte', sub { $self->case_select($self->with_ctes) } ],
			4 => [ 'window', sub { $self->case_select($self->windowed) } ],
			5 => [ 'distinct', sub { $self->case_select($self->distinct) } ],
			1 => [ 'recursive', sub { $self->case_select($self->recursive) } ],
			3 => [ 'write', sub { $self->case_write } ],
			2 => [ 'error', sub { $self->case_error } ],
			4 => [ 'wrapped', sub { $self->carried($self->wrapped, 'bag') } ],
			2 => [ 'function', sub { $self->case_function } ],)
	};
	$self->form("case:$name");
	my @steps = $make->();
	return { number => $number, name => $name, settings => $settings, steps => \@steps, forms => { %{ $self->{forms} } } };
}

1;
