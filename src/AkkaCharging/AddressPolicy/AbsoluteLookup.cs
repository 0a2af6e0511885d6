using System.Net;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// Looks up the addresses of an absolute name: in the hosts file first, then through the system's resolver.
/// </summary>
/// <remarks>
/// A resolver completes a relative name from its search list, and tries the list first for a name with fewer dots than
/// <c>ndots</c> (5 in a Kubernetes pod): <c>vault.prod</c> would mean <c>vault.prod.svc.cluster.local</c>. A trailing
/// dot makes a name absolute for every resolver (RFC 1034 section 3.1). The system's resolver (glibc 2.36, measured;
/// musl by its source) does not find such a name in the hosts file, so this class reads the file itself. Like the
/// resolver, it reads the file again for each look-up, so a change takes effect at once. Errors: what
/// <paramref name="ask"/> throws; <see cref="IOException"/> when the hosts file exists but cannot be read, because a
/// name must not lead elsewhere while its entry is unreadable.
/// </remarks>
/// <param name="hostsFile">Path of the hosts file, of which the first 4,194,304 characters are read. A file that is
/// missing, inaccessible or without a length counts as empty.</param>
/// <param name="ask">Asks the system's resolver for the addresses of an absolute name.</param>
internal sealed class AbsoluteLookup(string hostsFile, Func<string, IPAddress[]> ask)
{
    private const int HostsCharsMax = 4_194_304;

    /// <summary>The lookup that uses this machine's hosts file and resolver.</summary>
    public static readonly AbsoluteLookup OfSystem = new(
        OperatingSystem.IsWindows()
            ? Path.Combine(Environment.SystemDirectory, "drivers", "etc", "hosts")
            : "/etc/hosts",
        Dns.GetHostAddresses
    );

    /// <summary>Finds all addresses of <paramref name="name"/>; may block.</summary>
    /// <param name="name">The name without a trailing dot.</param>
    public IPAddress[] Find(string name) => FindInHosts(name) is { Length: > 0 } found ? found : ask(name + ".");

    private IPAddress[] FindInHosts(string name)
    {
        try
        {
            // A pipe or a device has no length; reading one might block.
            var file = new FileInfo(hostsFile);
            if (!file.Exists || file.Length == 0)
                return [];

            var addresses = new List<IPAddress>();
            var read = 0;
            foreach (var line in File.ReadLines(hostsFile))
            {
                read += line.Length + 1;
                if (read > HostsCharsMax)
                    break;
                if (
                    line.Contains(name, StringComparison.OrdinalIgnoreCase)
                    && Read(line, name) is { } address
                    && !addresses.Contains(address)
                )
                    addresses.Add(address);
            }

            return [.. addresses];
        }
        catch (Exception e)
            when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>
    /// Returns the address of a hosts-file line that names <paramref name="name"/>; null for every other line.
    /// </summary>
    private static IPAddress? Read(string line, string name)
    {
        var words = line.Split('#', 2)[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var isNamed = words
            .Skip(1)
            .Any(word =>
                string.Equals(
                    word is [.. var relative, '.'] ? relative : word,
                    name,
                    StringComparison.OrdinalIgnoreCase
                )
            );
        return isNamed && IPAddress.TryParse(words[0], out var address) ? address : null;
    }
}
