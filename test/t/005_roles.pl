# Roles that are no superusers, with logins of their own: whose mapping
# counts, what each may do, and keys in files.

use strict;
use warnings;

use Fixture;
use Test::More;

my $fixture = Fixture->new(sandbox => { companies => 2, connections => 12, accounts => 2 });
my $sandbox = $fixture->sandbox;
my $key = $sandbox->key;
my $company = $fixture->company(1);
my $connection = $fixture->connection(2);

# As pg_hba.conf trusts the socket, a role's login is its name.
$fixture->sql(<<"SQL");
CREATE ROLE analyst LOGIN;
CREATE ROLE operator LOGIN;
CREATE ROLE visitor LOGIN;
CREATE ROLE builder LOGIN;
GRANT USAGE ON SCHEMA api TO analyst, operator, visitor;
GRANT SELECT ON ALL TABLES IN SCHEMA api TO analyst, operator, visitor;
GRANT USAGE ON FOREIGN SERVER api TO operator;
GRANT EXECUTE ON FUNCTION nectar.confirm_accounts, nectar.connection_magic_link TO operator;
GRANT USAGE ON FOREIGN DATA WRAPPER connection_fdw TO builder;
GRANT CREATE ON DATABASE postgres TO builder;
CREATE USER MAPPING FOR analyst SERVER api OPTIONS (api_key '$key');
CREATE USER MAPPING FOR operator SERVER api OPTIONS (api_key '$key');
CREATE VIEW public.companies AS SELECT id, name FROM api.companies;
GRANT SELECT ON public.companies TO visitor;
SQL
my ($analyst, $operator, $visitor, $builder) =
  map { $fixture->session(user => $_) } qw(analyst operator visitor builder);

sub asked { return scalar(my @requests = $sandbox->requests); }

# Reading, with a mapping and without.
is($analyst->value('SELECT count(*) FROM api.companies'), 2, 'a role with a mapping reads');
like($visitor->error('SELECT count(*) FROM api.companies'),
	qr/^ERROR:  42704: user mapping not found for "visitor" on server "api"/m, 'a role without one does not');
is($visitor->value('SELECT count(*) FROM public.companies'), 2, 'but through a view it does, with the mapping of the owner');
$sandbox->clear_log;
like($builder->error('SELECT count(*) FROM api.companies'), qr/^ERROR:  42501:/m, 'no SELECT, no rows');
is(asked(), 0, 'and no request');

# SET ROLE and SECURITY DEFINER change whose mapping counts.
my $session = $fixture->session;
like($session->error('SET ROLE visitor; SELECT count(*) FROM api.companies'), qr/"visitor"/, 'SET ROLE changes the mapping');
$session->value('RESET ROLE');
is($session->value('SELECT count(*) FROM api.companies'), 2, 'RESET ROLE changes it back');
$fixture->sql(<<'SQL');
CREATE FUNCTION public.companies_of_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER
	AS 'SELECT count(*) FROM api.companies';
SQL
is($visitor->value('SELECT public.companies_of_owner()'), 2, 'a SECURITY DEFINER function reads as its owner');

# Acting takes EXECUTE and USAGE.
$sandbox->clear_log;
like($analyst->error("SELECT nectar.confirm_accounts('$connection')"), qr/^ERROR:  42501: permission denied for function/m,
	'no EXECUTE, no act');
like($analyst->error("SELECT nectar.connection_magic_link('$connection')"), qr/^ERROR:  42501:/m, 'no EXECUTE, no link');
is(asked(), 0, 'and no request');
ok($operator->value("SELECT nectar.confirm_accounts('$connection') IS NOT NULL"), 'with both an act is done');
like($operator->value("SELECT nectar.connection_magic_link('$connection')"), qr{^https://}, 'and a link handed out');
$fixture->sql('GRANT EXECUTE ON FUNCTION nectar.confirm_accounts TO analyst');
$sandbox->clear_log;
like($analyst->error("SELECT nectar.confirm_accounts('$connection', true, 'api')"),
	qr/^ERROR:  42501: permission denied for foreign server api/m, 'EXECUTE without USAGE is not enough');
like($analyst->error("SELECT nectar.confirm_accounts('$connection')"), qr/^ERROR:  42704:/m,
	'nor does a server without USAGE count where none is named');
is(asked(), 0, 'and no request');
like($operator->error("BEGIN READ ONLY; SELECT nectar.confirm_accounts('$connection')"), qr/^ERROR:  25006:/m,
	'a read-only transaction does not act');
$operator->value('ROLLBACK');
is(asked(), 0, 'and no request');

# Secrets of a mapping are for its owner's eyes and a superuser's.
is($analyst->value(q{SELECT umoptions FROM pg_user_mappings WHERE usename = 'operator'}), '', q{another role's key is not shown});

# A role's own server: https only, no files.
like($builder->error(q{CREATE SERVER own FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url 'http://127.0.0.1:1')}),
	qr/^ERROR:  42501:/m, 'plain http is for superusers');
$builder->value(
	q{CREATE SERVER own FOREIGN DATA WRAPPER connection_fdw OPTIONS (base_url 'https://127.0.0.1:1', max_retries '0')});
like($builder->error(q{CREATE USER MAPPING FOR builder SERVER own OPTIONS (api_key_file '/etc/hostname')}),
	qr/^ERROR:  42501:.*api_key_file/m, 'a key file is for superusers');
$builder->value(q{CREATE USER MAPPING FOR builder SERVER own OPTIONS (api_key 'mine')});
$builder->value('CREATE SCHEMA own; IMPORT FOREIGN SCHEMA nectar FROM SERVER own INTO own');
like($builder->error(q{SELECT count(*) FROM own.companies}), qr/^ERROR:  08001:/m, 'its own tables ask its own server');
like($builder->error('DROP EXTENSION connection_fdw'), qr/^ERROR:  42501:/m, 'the extension is not its own');

# A mapping for PUBLIC serves whoever has none.
$fixture->sql(q{CREATE USER MAPPING FOR PUBLIC SERVER api OPTIONS (api_key 'a-public-key')});
like($visitor->error('SELECT count(*) FROM api.companies'), qr/^ERROR:  NC401:.*^HINT:.*"public"/ms,
	'the mapping of PUBLIC is used, and named when its key is refused');
is($analyst->value('SELECT count(*) FROM api.companies'), 2, 'a mapping of one\'s own goes first');
$fixture->sql(qq{ALTER USER MAPPING FOR PUBLIC SERVER api OPTIONS (SET api_key '$key')});
is($visitor->value('SELECT count(*) FROM api.companies'), 2, 'the mapping of PUBLIC serves');
$fixture->sql('DROP USER MAPPING FOR analyst SERVER api');
is($analyst->value('SELECT count(*) FROM api.companies'), 2, 'also whoever lost his own');
$fixture->sql('DROP USER MAPPING FOR PUBLIC SERVER api');
like($visitor->error('SELECT count(*) FROM api.companies'), qr/^ERROR:  42704:/m, 'gone, it serves nobody');

# Keys in files.
my $file = $fixture->node->basedir . '/key';

sub write_key
{
	my ($text, $mode) = @_;

	unlink $file;
	open my $out, '>', $file or die "$file: $!";
	print $out $text;
	close $out or die "$file: $!";
	chmod $mode // 0600, $file;
	return;
}

$fixture->sql(qq{CREATE USER MAPPING FOR analyst SERVER api OPTIONS (api_key_file '$file')});
my $read = 'SELECT count(*) FROM api.companies';
write_key("$key\n");
is($analyst->value($read), 2, 'a key file with mode 0600 serves, for a role that cannot read it');
write_key($key);
is($analyst->value($read), 2, 'also without a line end');
write_key("$key\r\n", 0400);
is($analyst->value($read), 2, 'also with that of Windows, and mode 0400');

$sandbox->clear_log;
foreach my $case (
	[ 'mode 0644', "$key\n", 0644 ],
	[ 'mode 0640 of our own', "$key\n", 0640 ],
	[ 'mode 0666', "$key\n", 0666 ],
	[ 'nothing in it', '' ],
	[ 'a line end in it', "\n" ],
	[ 'two lines', "$key\nmore\n" ],
	[ 'a blank in it', "$key more\n" ],
	[ 'a NUL in it', "$key\0more\n" ],
	[ 'too much in it', 'k' x 5000 ])
{
	my ($name, $text, $mode) = @$case;

	write_key($text, $mode);
	my $error = $analyst->error($read);
	like($error, qr/^ERROR:  HV024:.*api_key_file/m, "$name: refused");
	unlike($error, qr/\Q$key\E/, "$name: the key is not shown");
}
is(asked(), 0, 'and no request was sent');
unlink $file;
like($analyst->error($read), qr/^ERROR:  58P01:.*api_key_file/m, 'no file: refused');
mkdir $file or die "$file: $!";
like($analyst->error($read), qr/^ERROR:  (?:HV024|42809):.*api_key_file/m, 'a folder: refused');
rmdir $file;
is(asked(), 0, 'and no request was sent');

# What changes in the file counts from the next statement on.
write_key("wrong\n");
like($analyst->error($read), qr/^ERROR:  NC401:/m, 'a file with another key');
write_key("$key\n");
is($analyst->value($read), 2, 'is read again when it has changed');
open my $out, '>', $file or die "$file: $!";
print $out "worse\n";
close $out;
like($analyst->error($read), qr/^ERROR:  NC401:/m, 'also when it was written in place');
write_key("$key\n");
is($analyst->value($read), 2, 'and once more');
chmod 0644, $file;
like($analyst->error($read), qr/^ERROR:  HV024:/m, 'opened to others, it is refused at the next statement');

$_->quit foreach $analyst, $operator, $visitor, $builder, $session;
$fixture->stop;
done_testing();
