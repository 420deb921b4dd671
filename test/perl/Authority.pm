# Certificates as a test wants them.
#
#   my $authority = Authority->new;
#   $authority->file, $authority->folder                what the option ca_file takes; OpenSSL's kind of folder
#   my $pair = $authority->certificate('DNS:localhost,IP:127.0.0.1');
#   $pair->{key}, $pair->{cert}                         PEM files
#   $authority->certificate($names, from => '20200101000000Z', to => '20210101000000Z')

package Authority;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

my $count = 0;

sub new
{
	my ($class) = @_;
	my $self = bless { dir => PostgreSQL::Test::Utils::tempdir() }, $class;
	my $dir = $self->{dir};

	append_to_file("$dir/index.txt", '');
	append_to_file("$dir/conf", <<"CONF");
[ca]
default_ca = here
[here]
new_certs_dir = $dir
database = $dir/index.txt
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
CONF
	$self->{pair} = $self->signed_by_itself('CA:TRUE', 'DNS:authority.example');
	return $self;
}

sub openssl
{
	my ($self, @arguments) = @_;
	my $log = "$self->{dir}/openssl.log";

	return if system(join(' ', 'openssl', map({ quotemeta } @arguments), '</dev/null', ">>$log", '2>&1')) == 0;
	die "openssl @arguments: " . slurp_file($log);
}

sub request_arguments
{
	my ($self, $key, $out, $names) = @_;

	return ('-config', "$self->{dir}/conf", '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
		'-subj', '/CN=Test of ' . ++$count, '-addext', "subjectAltName=$names", '-keyout', $key, '-out', $out);
}

sub signed_by_itself
{
	my ($self, $constraints, $names) = @_;
	my $base = "$self->{dir}/$count";

	$self->openssl('req', '-x509', '-days', 30, '-addext', "basicConstraints=critical,$constraints",
		$self->request_arguments("$base.key", "$base.pem", $names));
	return { key => "$base.key", cert => "$base.pem" };
}

sub certificate
{
	my ($self, $names, %dates) = @_;
	my $base = "$self->{dir}/$count";

	$self->openssl('req', '-new', $self->request_arguments("$base.key", "$base.csr", $names));
	$self->openssl('ca', '-batch', '-notext', '-config', "$self->{dir}/conf",
		'-cert', $self->file, '-keyfile', $self->{pair}{key}, '-in', "$base.csr", '-out', "$base.pem",
		$dates{from} ? ('-startdate', $dates{from}) : (),
		$dates{to} ? ('-enddate', $dates{to}) : ('-days', 30));
	return { key => "$base.key", cert => "$base.pem" };
}

sub file { return $_[0]{pair}{cert}; }

# A folder where OpenSSL finds the authority by its hash.
sub folder
{
	my ($self) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $hash = `openssl x509 -noout -subject_hash -in @{[quotemeta $self->file]}`;

	chomp $hash;
	append_to_file("$folder/$hash.0", slurp_file($self->file));
	return $folder;
}

1;
