using System.Globalization;
using System.Text.RegularExpressions;

namespace AkkaCharging.Scenarios.PowerCuts;

/// <summary>Reads what <c>strace -f -y -x</c> recorded of a service.</summary>
internal static partial class SystemCallTrace
{
    private const string Unfinished = "<unfinished ...>";
    private const string Killed = "= ?"; // the process ended in the middle of the call

    /// <summary>Arguments that record all that <see cref="Read"/> needs: whole pages, whole answers.</summary>
    /// <param name="faults">To inject, in the words of strace.</param>
    /// <remarks><c>-D</c> leaves the process that was started the service itself.</remarks>
    public static string[] Recorder(string file, params string[] faults) =>
        [
            "strace",
            "-D",
            "-f",
            "--seccomp-bpf",
            "-y",
            "-x",
            "-s",
            "65536",
            "-e",
            "trace=pwrite64,write,writev,ftruncate,fdatasync,fsync,unlink,sendto,sendmsg",
            .. faults.SelectMany(fault => new[] { "-e", $"inject={fault}" }),
            "-o",
            file,
        ];

    /// <summary>The events of a journal: its database, its log and its rollback journal.</summary>
    /// <remarks>
    /// A write in the middle of which the process ended has returned then: whatever it did to the file, it does nothing
    /// to what a later process writes there.
    /// </remarks>
    /// <exception cref="FormatException">A call on these files is not understood.</exception>
    public static List<DiskEvent> Read(IEnumerable<string> lines)
    {
        var events = new List<DiskEvent>();
        // by thread: calls that have not returned
        var writing = new Dictionary<string, Written>(StringComparer.Ordinal);
        var syncing = new Dictionary<string, (string File, int Descriptor, int BeganAt)>(StringComparer.Ordinal);
        foreach (var (number, line) in lines.Index())
        {
            var thread = line[..line.IndexOf(' ')];
            if (Call().Match(line) is { Success: true } call)
            {
                var file = call.Groups["file"].Value;
                var descriptor = int.Parse(call.Groups["descriptor"].Value, CultureInfo.InvariantCulture);
                switch (call.Groups["name"].Value)
                {
                    case "pwrite64" when Write().Match(line) is { Success: true } write:
                        var written = new Written(
                            file,
                            descriptor,
                            long.Parse(write.Groups["offset"].Value, CultureInfo.InvariantCulture),
                            Unescape(write.Groups["bytes"].Value)
                        );
                        if (
                            written.Bytes.Length
                            != int.Parse(write.Groups["length"].Value, CultureInfo.InvariantCulture)
                        )
                            throw new FormatException($"not all bytes were recorded: {line[..200]}");
                        events.Add(written);
                        if (line.EndsWith(Unfinished, StringComparison.Ordinal))
                            writing[thread] = written;
                        else
                            written.ReturnedAt = number;
                        break;
                    case "ftruncate" when Truncation().Match(line) is { Success: true } truncation:
                        events.Add(
                            new Truncated(
                                file,
                                long.Parse(truncation.Groups["length"].Value, CultureInfo.InvariantCulture)
                            )
                        );
                        break;
                    case "fsync" or "fdatasync" when line.EndsWith(Unfinished, StringComparison.Ordinal):
                        syncing[thread] = (file, descriptor, number);
                        break;
                    case "fsync" or "fdatasync" when line.EndsWith("= 0", StringComparison.Ordinal):
                        events.Add(new Synced(file, number));
                        break;
                    case "fsync" or "fdatasync" when Failure().IsMatch(line):
                        events.Add(new SyncFailed(file, descriptor, number));
                        break;
                    case "fsync" or "fdatasync" when line.EndsWith(Killed, StringComparison.Ordinal):
                        break;
                    default:
                        throw new FormatException($"not understood: {line[..Math.Min(line.Length, 200)]}");
                }
            }
            else if (Resumed().IsMatch(line))
            {
                if (writing.Remove(thread, out var written))
                    written.ReturnedAt = number;
                else if (syncing.Remove(thread, out var sync) && !line.EndsWith(Killed, StringComparison.Ordinal))
                    events.Add(
                        Failure().IsMatch(line)
                            ? new SyncFailed(sync.File, sync.Descriptor, sync.BeganAt)
                            : new Synced(sync.File, sync.BeganAt)
                    );
            }
            else if (Ended().IsMatch(line))
            {
                if (writing.Remove(thread, out var written))
                    written.ReturnedAt = number;
                syncing.Remove(thread);
            }
            else if (Unlink().Match(line) is { Success: true } unlink)
            {
                events.Add(new Removed(unlink.Groups["file"].Value));
            }
            else if (Answer().Match(line) is { Success: true } answer)
            {
                events.Add(new Answered200(answer.Groups["id"].Value));
            }
            else if (Callback().Match(line) is { Success: true } callback)
            {
                events.Add(new CalledBack(callback.Groups["id"].Value));
            }
        }

        return events;
    }

    private static byte[] Unescape(string text)
    {
        var bytes = new List<byte>(text.Length / 4);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                bytes.Add((byte)text[i]);
                continue;
            }

            i++;
            if (text[i] == 'x')
            {
                bytes.Add(byte.Parse(text.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                i += 2;
            }
            else
            {
                bytes.Add(
                    text[i] switch
                    {
                        'n' => (byte)'\n',
                        'r' => (byte)'\r',
                        't' => (byte)'\t',
                        'v' => (byte)'\v',
                        'f' => (byte)'\f',
                        '"' or '\\' => (byte)text[i],
                        _ => throw new FormatException($"not an escape: \\{text[i]}"),
                    }
                );
            }
        }

        return [.. bytes];
    }

    [GeneratedRegex(
        """^\d+ +(?<name>pwrite64|writev?|ftruncate|fdatasync|fsync)\((?<descriptor>\d+)<[^>]*/(?<file>journal\.db(-wal|-journal)?)>"""
    )]
    private static partial Regex Call();

    [GeneratedRegex(
        """pwrite64\(\d+<[^>]*>, "(?<bytes>.*)", (?<length>\d+), (?<offset>\d+)( <unfinished \.\.\.>$|\) += (\k<length>|\?)$)"""
    )]
    private static partial Regex Write();

    [GeneratedRegex(@"ftruncate\(\d+<[^>]*>, (?<length>\d+)( <unfinished \.\.\.>$|\) += 0$)")]
    private static partial Regex Truncation();

    [GeneratedRegex(@"\) += -1 E[A-Z]+ ")]
    private static partial Regex Failure();

    [GeneratedRegex(@"^\d+ +\+\+\+ (killed by|exited with) ")]
    private static partial Regex Ended();

    [GeneratedRegex(@"^\d+ +<\.\.\. (pwrite64|fdatasync|fsync) resumed>")]
    private static partial Regex Resumed();

    [GeneratedRegex("""^\d+ +unlink\("[^"]*/(?<file>journal\.db(-wal|-journal)?)"\) += 0$""")]
    private static partial Regex Unlink();

    [GeneratedRegex(
        """^\d+ +(write|writev|sendto|sendmsg)\(.*HTTP/1\.1 200 OK.*"status\\":\\"accepted\\".*(?<id>req-[0-9a-f-]{36})"""
    )]
    private static partial Regex Answer();

    [GeneratedRegex(@"^\d+ +(write|writev|sendto|sendmsg)\(.*webhook-id: (?<id>req-[0-9a-f-]{36})")]
    private static partial Regex Callback();
}
