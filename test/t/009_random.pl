# Random queries answer over foreign tables as they do over heap tables with
# the same rows: whatever is sent, shared, fetched ahead or left out on the
# way.
#
#   RANDOM_SECONDS   how long, 60
#   RANDOM_SEED      what queries and data follow from, 1; an even one adds a label to the enum type
#   RANDOM_CASE      only the case of that number, with its plans; or N-M, those

use strict;
use warnings;

use Fixture;
use Queries;
use Sandbox;
use Test::More;
use Time::HiRes qw(time);
use Worlds;

my $seed = $ENV{RANDOM_SEED} || 1;
my $seconds = $ENV{RANDOM_SECONDS} || 60;
my $only = $ENV{RANDOM_CASE};
my $batch_size = 150;
my $most_failures = 5;

my %sizes = (accounts => 2, odd_labels => 'on', tls_port => 'off');
my $other = Sandbox->new(%sizes, companies => 4, connections => 9, listing_accounts => 'off', seed => $seed + 1000);
my $fixture = Fixture->new(
	sandbox => { %sizes, companies => 5, connections => 14, seed => $seed },
	conf => "log_min_messages = fatal\nlog_min_error_statement = panic\n");
my $added = $seed % 2 == 0 ? 'ON_HOLD' : undef;
$fixture->sql("ALTER TYPE nectar.connection_status ADD VALUE '$added'") if $added;
my $worlds = Worlds->new($fixture, $other);
my $queries = Queries->new(
	seed => $seed,
	tables => [ $worlds->tables ],
	pools => $worlds->pools,
	added_label => $added,
	settings => [ split /\n/, $fixture->sql('SELECT name FROM pg_settings') ]);

my @sides = ([ 'foreign', '' ], [ 'heap', '_heap' ]);
my $mark = "== mark $$";
my $folder = PostgreSQL::Test::Utils::tempdir();
my %seen = (cases => 0, statements => 0, answers => 0, with_rows => 0, failed => 0);
my (%forms, %errors);

# ---- running ----

sub slurp
{
	my ($path) = @_;
	open my $in, '<:raw', $path or die "$path: $!";
	local $/;
	return scalar <$in> // '';
}

# Run a script in a psql, and so a backend, of its own.  Rows end in a zero
# byte, errors carry their SQLSTATE.
sub run_script
{
	my ($script) = @_;
	my $psql = $fixture->node->installed_command('psql');
	my $connection = $fixture->node->connstr('postgres');

	open my $out, '>:encoding(UTF-8)', "$folder/script" or die $!;
	print $out $script;
	close $out;
	my $status = system "'$psql' -XAtq0 -v VERBOSITY=verbose -P null='(null)' -d \"$connection\""
	  . " -f '$folder/script' >'$folder/out' 2>'$folder/err'";
	return ($status, slurp("$folder/out"), slurp("$folder/err"));
}

my $preamble = <<'SQL';
SET client_min_messages = error;
SET statement_timeout = '60s';
SET timezone = 'UTC';
SET jit = off;
SQL

sub settings_of
{
	my ($case) = @_;
	return join '', map { "SET $_->[0] = '$_->[1]';\n" } @{ $case->{settings} };
}

# A case's statements for one side, each behind a mark in both streams.  What a
# "some" step may answer is asked from the heap tables.
sub side_of_script
{
	my ($case, $side, $suffix) = @_;
	my $script = '';
	my $index = 0;

	foreach my $step (@{ $case->{steps} })
	{
		my $name = "$mark $case->{number} $side $index";
		$script .= "\\echo '$name'\n\\warn '$name'\n" . Queries::with_schemas($step->{sql}, $suffix) . ";\n";
		if ($step->{rule} eq 'some' && $side eq 'heap')
		{
			$name = "$mark $case->{number} whole $index";
			$script .= "\\echo '$name'\n\\warn '$name'\n" . Queries::with_schemas($step->{whole}, '_heap') . ";\n";
		}
		$index++;
	}
	return $script . "\\echo '$mark 0 end 0'\n\\warn '$mark 0 end 0'\nDEALLOCATE ALL;\n";
}

sub script_of
{
	my ($case) = @_;
	my $settings = settings_of($case);
	my $resets = join '', map { "RESET $_->[0];\n" } @{ $case->{settings} };

	return $settings . join('', map { side_of_script($case, @$_) } @sides) . $resets;
}

# Pieces of a stream by the marks before them.
sub pieces
{
	my ($stream) = @_;
	my (undef, @parts) = split /\Q$mark\E (\d+ \w+ \d+)\n/, $stream;
	my %pieces;

	while (my ($name, $piece) = splice @parts, 0, 2)
	{
		$pieces{$name} = $piece // '';
	}
	return \%pieces;
}

# ---- comparing ----

sub rows_of
{
	my ($step, $piece) = @_;
	my @rows = split $step->{copy} ? "\n" : "\0", $piece // '', -1;

	pop @rows if @rows && $rows[-1] eq '';
	s/\b([a-z]+)_heap\./$1./g foreach @rows;
	return \@rows;
}

# How often each row is in the one list and not in the other.
sub surplus
{
	my ($some, $others) = @_;
	my %count;

	$count{$_}++ foreach @$some;
	$count{$_}-- foreach @$others;
	return map { ($_) x $count{$_} } grep { $count{$_} > 0 } sort keys %count;
}

# What is wrong with the foreign side's answer to a step; nothing if it is right.
sub complaint
{
	my ($step, $answers, $errors) = @_;
	my %state = map { $_ => join ' ', $errors->{$_} =~ /(?:ERROR|FATAL|PANIC):\s+(\w{5}):/g } keys %$errors;

	foreach my $state (values %state) { $errors{$state}++ if $state ne ''; }
	return "it ends with SQLSTATE '$state{foreign}', over heap tables with '$state{heap}'\n$errors->{foreign}$errors->{heap}"
	  if $state{foreign} ne $state{heap};
	return if $step->{rule} eq 'ignore' || $state{foreign} ne '';
	my ($foreign, $heap) = map { rows_of($step, $answers->{$_}) } qw(foreign heap);
	$seen{answers}++;
	$seen{with_rows}++ if @$heap;
	return "there are " . @$foreign . ' rows instead of ' . @$heap if $step->{rule} eq 'some' && @$foreign != @$heap;
	my @extra = surplus($foreign, $step->{rule} eq 'some' ? rows_of($step, $answers->{whole}) : $heap);
	my @missing = $step->{rule} eq 'some' ? () : surplus($heap, $foreign);
	my @first = map { "\n  too much: $_" } grep { defined } @extra[ 0 .. 4 ];
	push @first, map { "\n  missing:  $_" } grep { defined } @missing[ 0 .. 4 ];
	return join '', 'rows differ (' . @$foreign . ' instead of ' . @$heap . ')', @first if @first;
	return 'rows are in another order' if $step->{rule} eq 'exact' && "@$foreign" ne "@$heap";
	return;
}

sub plan_of
{
	my ($case, $step, $suffix) = @_;
	my $sql = $step->{plan} // ($step->{sql} =~ /^(SELECT|WITH|TABLE|DELETE|UPDATE|INSERT)/ ? $step->{sql} : '');
	return "(none)\n" if $sql eq '';
	my $needs = $step->{plan_needs} ? "$step->{plan_needs};\n" : '';
	my ($status, $out, $err) = run_script($preamble . settings_of($case)
		  . Queries::with_schemas("${needs}EXPLAIN (VERBOSE, COSTS OFF) $sql;\n", $suffix));

	$out =~ tr/\0/\n/;
	return "$out$err";
}

sub text_of
{
	my ($case) = @_;
	return join '', map { s/^/  /mgr } settings_of($case), map { Queries::with_schemas($_->{sql}, '') . ";\n" } @{ $case->{steps} };
}

sub report
{
	my ($case, $step, $index, $complaint) = @_;
	my ($planned) = grep { $_->{plan} } $step, reverse @{ $case->{steps} };
	diag "case $case->{number} ($case->{name}), step $index: $complaint\n"
	  . "again: RANDOM_SEED=$seed RANDOM_CASE=$case->{number}\n" . text_of($case)
	  . "step:\n  " . Queries::with_schemas($step->{sql}, '') . "\n"
	  . join '', map { "plan over $_->[0] tables:\n" . plan_of($case, $planned // $step, $_->[1]) =~ s/^/  /mgr } @sides;
	return;
}

# The session is gone, and with it perhaps the server.
sub report_end
{
	my ($cases, $out, $err) = @_;
	my @marks = $out =~ /\Q$mark\E ([1-9]\d* \w+ \d+)\n/g;
	my ($number) = @marks ? $marks[-1] =~ /^(\d+)/ : ($cases->[0]{number});
	my ($case) = grep { $_->{number} == $number } @$cases;

	my @messages = grep { !/\Q$mark\E/ } split /\n/, $err;
	diag "the session ended in case $number, after ", $marks[-1] // 'nothing', "\n", join("\n", @messages, ''),
	  "again: RANDOM_SEED=$seed RANDOM_CASE=$number\n", text_of($case);
	return;
}

# Compare a case's answers; true if all are right.
sub judge
{
	my ($case, $answers, $errors) = @_;
	my $index = 0;

	foreach my $step (@{ $case->{steps} })
	{
		my %out = map { $_ => $answers->{"$case->{number} $_ $index"} // '' } qw(foreign heap whole);
		my %err = map { $_ => $errors->{"$case->{number} $_ $index"} // '' } qw(foreign heap);
		my $complaint = complaint($step, \%out, \%err);

		$seen{statements} += 2;
		if (defined $complaint)
		{
			report($case, $step, $index, $complaint);
			return 0;
		}
		$index++;
	}
	return 1;
}

# Run so many cases in one session; true if all went well.
sub run_batch
{
	my (@numbers) = @_;
	my @cases = map { $queries->case($_) } @numbers;
	my ($status, $out, $err) = run_script($preamble . join '', map { script_of($_) } @cases);
	my ($answers, $errors) = (pieces($out), pieces($err));
	my $good = 1;

	if ($status != 0)
	{
		report_end(\@cases, $out, $err);
		BAIL_OUT('the server may be down');
	}
	foreach my $case (@cases)
	{
		my $is_right = judge($case, $answers, $errors);
		$seen{cases}++;
		$seen{failed}++ if !$is_right;
		$forms{$_} += $case->{forms}{$_} foreach keys %{ $case->{forms} };
		$good &&= $is_right;
		last if $seen{failed} >= $most_failures;
	}
	return $good;
}

# ---- all of it ----

my $start = time;
my $next = 1;

if ($only && $only =~ /^(\d+)-(\d+)$/)
{
	ok(run_batch($1 .. $2), "seed $seed, cases $1 to $2");
}
elsif ($only)
{
	my $case = $queries->case($only);
	my $is_right = run_batch($only);
	report($case, $case->{steps}[-1], '-', 'as asked for') if $is_right;
	ok($is_right, "seed $seed, case $only");
}
while (!$only && time - $start < $seconds && $seen{failed} < $most_failures)
{
	my $last = $next + $batch_size - 1;
	ok(run_batch($next .. $last), "seed $seed, cases $next to $last");
	$next = $last + 1;
}

my $took = time - $start;
diag sprintf 'seed %d: %d queries, %d statements in %.0f s (%.0f a second), %.0f %% of the answers have rows', $seed, $seen{cases},
  $seen{statements}, $took, $seen{statements} / $took, 100 * $seen{with_rows} / ($seen{answers} || 1);
note join '', 'errors: ', map { "$_ $errors{$_}, " } sort keys %errors;
note "forms:\n", map { sprintf "%7d %s\n", $forms{$_}, $_ } sort keys %forms;

$fixture->stop;
$other->stop;
done_testing();
