# The jobs of docs/jobs.md, as they stand there, run by pg_cron: as which role
# and with which key, beside a pass by hand, while a run is slower than its
# interval, through an outage of the API, and after it.
#
# pg_cron knows minutes only.  So the schedules are changed to every minute,
# and one run of observe tells everything: it is held for longer than a minute
# and then fails.

use strict;
use warnings;

use Docs;
use Fixture;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

chomp(my $sharedir = `pg_config --sharedir`);
plan skip_all => 'this PostgreSQL has no pg_cron: test/setup installs it where apt offers it'
  if !-f "$sharedir/extension/pg_cron.control";

my $fixture = Fixture->new(
	sandbox => { companies => 4, connections => 12, accounts => 2 },
	conf => "shared_preload_libraries = 'pg_cron'\ncron.use_background_workers = on\n");
my $node = $fixture->node;
my $sandbox = $fixture->sandbox;
my $key = $sandbox->key;
my $super = $fixture->session;

# A block of the documentation, with the sandbox and a key that tells its role.
sub run_block
{
	my ($file, $pattern, $holder) = @_;
	my $sql = Docs::block($file, $pattern);
	my $url = $sandbox->http . '/v2.2';

	$sql =~ s/FOREIGN DATA WRAPPER connection_fdw;/FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url '$url', max_concurrency '1', request_timeout '90s');/;
	$sql =~ s/api_key '\.\.\.'/api_key '$key+$holder'/;
	$sql =~ s/CREATE EXTENSION connection_fdw;//;
	$super->value($sql);
	return;
}

# ---- the documented jobs ----

run_block('README.md', qr/^CREATE EXTENSION connection_fdw;/, 'super');
$super->value('CREATE EXTENSION pg_cron');
run_block('docs/jobs.md', $_, 'jobs')
  foreach qr/^CREATE ROLE nectar_jobs/, qr/GRANT USAGE ON SCHEMA cron/, qr/^SET ROLE nectar_jobs/,
  qr/cron\.schedule\('nectar observe'/, qr/CREATE PROCEDURE jobs\.write_digest/, qr/cron\.schedule\('nectar digest'/,
  qr/CREATE PROCEDURE jobs\.confirm_new_accounts/, qr/cron\.schedule\('nectar confirm'/, qr/cron\.schedule\('nectar forget'/;
is($super->value('SELECT current_user'), 'nectar_jobs', 'the documented blocks end as the role of the jobs');
$super->value('RESET ROLE');
is($super->value('SELECT jobname, schedule, username FROM cron.job ORDER BY jobname'), <<'END' =~ s/\n\z//r, 'the documented jobs are scheduled');
nectar confirm|20 2 * * *|nectar_jobs
nectar digest|30 5 * * *|nectar_jobs
nectar forget|40 3 * * 0|nectar_jobs
nectar observe|7 * * * *|nectar_jobs
END

# And one of a role that may not take long.
$super->value(<<'SQL');
CREATE ROLE hasty LOGIN;
ALTER ROLE hasty SET statement_timeout = '1s';
GRANT USAGE ON SCHEMA cron TO hasty;
SET ROLE hasty;
SELECT cron.schedule('hasty', '30 5 * * *', 'SELECT pg_sleep(300)');
RESET ROLE;
SQL

# ---- what is there before they run ----

my $hand = $fixture->session(user => 'nectar_jobs');
is($hand->value('SELECT connections, changes, gone FROM nectar.observe()'), '48|0|0', 'the first pass, by hand');
my $listener = $fixture->session(start => 'LISTEN nectar_status');

# One change in a company that is read before the failure, and one after it.
my %changed;
foreach my $company (1, 4)
{
	my $id = $hand->value("SELECT id FROM nectar_history.connection_state WHERE status = 'CONNECTED' AND company_id = '"
		  . $fixture->company($company) . "' ORDER BY id LIMIT 1");
	$sandbox->control('POST', 'status', qq({"connection": "$id", "status": "PASSWORD_INCORRECT"}));
	$changed{$id} = 1;
}
$super->value(<<'SQL');
INSERT INTO nectar_history.status_event (observed_at, source, server, kind, change, connection_id)
VALUES (now() - interval '3 years', 'poll', 'nectar_api', 'connection', 'gone', 'd0000000-0000-4000-8000-00000000ffff');
SQL
my $events = 'SELECT count(*) FROM nectar_history.status_event';
is($super->value($events), 1, 'an old event');

# The listing of company 3 takes a bit more than a minute, that of company 4
# is not to be had; once each.
$sandbox->fault({ kind => 'delay', delay_ms => 61500, times => 1, path => '/connection/company/' . $fixture->company(3) });
$sandbox->fault({ kind => 'status', status => 500, times => 1, body => '', path => '/connection/company/' . $fixture->company(4) });
$sandbox->clear_log;

# Not within the last seconds of a minute, when some would begin before others.
sleep 6 if time % 60 > 54;
$super->value(q{SELECT cron.alter_job(jobid, schedule => '* * * * *') FROM cron.job});
my $minute = int(time / 60) * 60 + 60;

# ---- the run that is held ----

my $details = q{SELECT d.status FROM cron.job_run_details d JOIN cron.job j USING (jobid)};
my $observing = q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'nectar_jobs' AND query LIKE '%observe%' AND pid <> } . $hand->pid;

sub wait_for
{
	my ($seconds, $what, $sql) = @_;
	my $end = time + $seconds;

	while ($super->value($sql) ne 't')
	{
		die "waited in vain for: $what\n" if time > $end;
		sleep 0.2;
	}
	return;
}

wait_for($minute - time + 20, 'a run of observe', "SELECT ($observing) = 1");
$fixture->wait_until('it waits for company 3',
	sub { grep { $_->{path} eq '/connection/company/' . $fixture->company(3) } $sandbox->requests });
my ($row, $messages) = $hand->both('SELECT * FROM nectar.observe(wait => false)');
is($row, '||||', 'meanwhile, a pass by hand that will not wait has nothing to say');
like($messages, qr/^NOTICE:.*being observed already/m, 'but why');
is(scalar(grep { $_->{path} eq '/company' } $sandbox->requests), 1, 'and asks nothing');
is($super->value($events . " WHERE observed_at > now() - interval '1 year'"), 0, 'nothing of what was read so far is in the history');

sleep 0.1 while time < $minute + 60.5;
is($super->value($observing), 1, 'when the next run is due, it does not start beside the first');
is($super->value("$details WHERE jobname = 'nectar observe'"), 'running', 'which still runs');

# ---- it fails; the next one catches up ----

wait_for(20, 'the second run of observe', "SELECT count(*) >= 2 AND bool_and(status IN ('failed', 'succeeded')) FROM ($details WHERE jobname = 'nectar observe') r");
$super->value('UPDATE cron.job SET active = false');
$super->value('SELECT pg_sleep(2)');
is($super->value("SELECT string_agg(status, ' ' ORDER BY runid) FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE jobname = 'nectar observe'"),
	'failed succeeded', 'the run that was held failed, the one after it did not');

my $failures = $hand->value(Docs::block('docs/jobs.md', qr/return_message/));
like($failures, qr/\Anectar observe\|failed\|[^\n]*\|ERROR: [^\n]*nectar_api/, 'the documented query shows the failure');
like($failures, qr/^DETAIL: .*500/m, 'with its detail');
unlike($failures, qr/hasty/, 'and not those of other roles');

is($super->value(<<'SQL'), 't', 'what changed is recorded after the failure, by the run that succeeded');
SELECT min(observed_at) > (SELECT end_time FROM cron.job_run_details WHERE status = 'failed' AND username = 'nectar_jobs')
  FROM nectar_history.status_event
SQL
is($super->value("SELECT connection_id FROM nectar_history.status_event WHERE kind = 'connection' ORDER BY connection_id"),
	join("\n", sort keys %changed), 'both changes, once each');
my @told = map { @{ decode_json($_) } } ($listener->both('SELECT 1'))[0] =~ /Asynchronous notification "nectar_status" with payload "([^\n]*)" received/g;
is(join(' ', sort map { "$_->{connection_id} $_->{new}" } grep { $_->{kind} eq 'connection' } @told),
	join(' ', map { "$_ PASSWORD_INCORRECT" } sort keys %changed), 'who listens was told of each, once');
is($hand->value("SELECT status FROM nectar_history.connection_state WHERE id = '$_'"), 'PASSWORD_INCORRECT', 'and the state follows')
  foreach sort keys %changed;

# ---- the other jobs ----

is($super->value("SELECT count(*) FROM nectar_history.status_event WHERE observed_at < now() - interval '1 year'"), 0, 'forget forgets');
is($super->value("$details WHERE jobname = 'nectar forget' AND status <> 'succeeded'"), '', 'and does not fail');
cmp_ok($super->value("SELECT count(*) FROM jobs.digest WHERE server = 'nectar_api' AND who = 'user' AND guidance <> '' AND is_new"), '>=', 16,
	'the digest has who must act');
is($super->value("$details WHERE jobname IN ('nectar digest', 'nectar confirm') AND status <> 'succeeded'"), '', 'digest and confirm did not fail');
is($super->value("SELECT string_agg(DISTINCT company_id::text, ' ') FROM jobs.confirmation JOIN utility.connections c ON c.id = connection_id"),
	$fixture->company(2), 'accounts were confirmed at the company that opted in');
is($super->value('SELECT bool_and(ok AND done_at >= intended_at), count(DISTINCT intended_at) FROM jobs.confirmation'), 't|1',
	'with intent and outcome on record, and the second run found nothing left');
is($super->value("SELECT count(*) FROM utility.accounts WHERE company_id = '" . $fixture->company(2) . "' AND tracking_status = 'UNSET'"), 0,
	'none of its accounts is undecided');
like($super->value("SELECT return_message FROM cron.job_run_details WHERE username = 'hasty' ORDER BY runid LIMIT 1"), qr/statement timeout/,
	'statement_timeout of a role ends its jobs');

# ---- whose key, and no secret ----

my %holders = map { ($_->{headers}{'x-api-key'} // '') => 1 } grep { $_->{method} eq 'PATCH' || $_->{path} =~ m{^/connection/company/} } $sandbox->requests;
delete $holders{super};
is(join(' ', keys %holders), 'jobs', 'every request of the jobs had the key of their role');
is($super->value('SELECT count(*) FROM cron.job_run_details WHERE username NOT IN (\'nectar_jobs\', \'hasty\')'), 0, 'and every run was of that role');
unlike($super->value('SELECT string_agg(d::text, \' \') FROM cron.job_run_details d'), qr/\Q$key\E/, 'no key in the log of runs');
unlike(slurp_file($node->logfile) =~ s/^.*(?:CREATE USER MAPPING|api_key).*$//mgr, qr/\Q$key\E/, 'nor in that of the server');

$_->quit foreach $super, $hand, $listener;
$fixture->stop;
done_testing();
