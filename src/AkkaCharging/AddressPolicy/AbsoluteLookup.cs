using System.Net;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// Finds the addresses of a name as it stands: in the hosts file, else by asking for the absolute name.
/// </summary>
/// <remarks>
/// A resolver completes a relative name from its search list, and takes a name with fewer dots than <c>ndots</c> (5 in
/// a pod of Kubernetes) for relative first: <c>vault.prod</c> would mean <c>vault.prod.svc.cluster.local</c>. A dot at
/// the end makes a name absolute for every resolver (RFC 1034 section 3.1). The system's resolver (glibc 2.36,
/// measured; musl by its source) does not find such a name in the hosts file, so the file is read here: afresh for each
/// look-up, as the resolver itself does, which takes up changes and keeps nothing in memory. Errors: what
/// <paramref name="ask"/> throws; <see cref="IOException"/> when the hosts file is there and cannot be read now,
/// because a name must not lead elsewhere while its entry is out of reach.
/// </remarks>
/// <param name="hostsFile">Only its first 4,194,304 characters are read. A file that is missing, may not be read or has
/// no length holds no entries.</param>
/// <param name="ask">Asks the system's resolver for the absolute name that it is given.</param>
internal sealed class AbsoluteLookup(string hostsFile, Func<string, IPAddress[]> ask)
{
    private const int HostsCharsMax = 4_194_304;

    /// <summary>The lookup of this machine.</summary>
    public static readonly AbsoluteLookup OfSystem = new(
        OperatingSystem.IsWindows()
            ? Path.Combine(Environment.SystemDirectory, "drivers", "etc", "hosts")
            : "/etc/hosts",
        Dns.GetHostAddresses
    );

    /// <summary>All addresses of <paramref name="name"/>; may block.</summary>
    /// <param name="name">Without a dot at its end.</param>
    public IPAddress[] Find(string name) => FindInHosts(name) is { Length: > 0 } found ? found : ask(name + ".");

    private IPAddress[] FindInHosts(string name)
    {
        try
        {
            // A pipe or a device, which reading might wait for, has no length.
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

    /// <summary>The address of a line that names <paramref name="name"/>; null for every other line.</summary>
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
