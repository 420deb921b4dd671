# SQL of the documentation, for tests that run it in surroundings of their own:
# what is documented and what is tested cannot differ.
#
#   Docs::block('docs/jobs.md', qr/CREATE ROLE nectar_jobs/)     the one sql block that matches
#   Docs::blocks('docs/jobs.md')                                 all of them, in order
#
# Both ```sql and ```sql norun count.

package Docs;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;

# In a checkout, or beside the copies that `make test` runs.
sub path
{
	my ($file) = @_;
	my $here = abs_path(dirname(__FILE__));
	my ($path) = grep { -f } "$here/../../$file", "$here/../$file";

	return $path // die "$file is not there\n";
}

sub blocks
{
	my ($file) = @_;
	open my $in, '<', path($file) or die "$file: $!\n";
	my $text = do { local $/ = undef; <$in> };
	close $in;

	return $text =~ /^```sql(?: norun)?\n(.*?)^```$/msg;
}

sub block
{
	my ($file, $pattern) = @_;
	my @found = grep { $_ =~ $pattern } blocks($file);

	die scalar(@found) . " sql blocks of $file match $pattern\n" if @found != 1;
	return $found[0];
}

1;
