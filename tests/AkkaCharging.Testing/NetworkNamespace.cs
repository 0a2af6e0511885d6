using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AkkaCharging.Testing;

/// <summary>
/// A network namespace of Linux that a test made: a machine of its own as far as the network goes. Needs root and
/// iproute2.
/// </summary>
internal sealed class NetworkNamespace : IDisposable
{
    private const int NewNetwork = 0x4000_0000; // CLONE_NEWNET

    /// <param name="name">Unique on this machine.</param>
    public NetworkNamespace(string name)
    {
        Name = name;
        Ip("netns", "add", name);
        IpInside("link", "set", "lo", "up");
    }

    public string Name { get; }

    /// <summary>What starts a program inside.</summary>
    public IReadOnlyList<string> Launcher => ["ip", "netns", "exec", Name];

    /// <summary>Runs <c>ip</c> in this namespace.</summary>
    public void IpInside(params string[] arguments) => Ip(["-n", Name, .. arguments]);

    /// <summary>Makes a socket that belongs to this namespace for as long as it lives, whoever uses it.</summary>
    public T Inside<T>(Func<T> make)
    {
        var made = default(T);
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() => // of its own, because it stays where it went
        {
            try
            {
                using var handle = File.OpenHandle($"/run/netns/{Name}");
                if (Enter(handle, NewNetwork) != 0)
                    throw new InvalidOperationException(
                        $"The namespace {Name} cannot be entered: error {Marshal.GetLastPInvokeError()}."
                    );
                made = make();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return made!;
    }

    public void Dispose() => Ip("netns", "delete", Name);

    private static void Ip(params string[] arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo("ip", arguments) { RedirectStandardError = true, UseShellExecute = false }
            )!;
            var problem = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
                throw new InvalidOperationException(
                    $"ip {string.Join(' ', arguments)} (root is needed): {problem.Trim()}"
                );
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException("There is no program ip (Debian: apt-get install iproute2).", e);
        }
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Enter(SafeFileHandle network, int kind);
}
