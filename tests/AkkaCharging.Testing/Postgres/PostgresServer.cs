using System.Diagnostics;
using System.Security.Cryptography;
using Npgsql;

namespace AkkaCharging.Testing.Postgres;

/// <summary>
/// A PostgreSQL server of this test run: its own data directory, a free loopback port, fsync on; ends with the process
/// that started it.
/// </summary>
/// <remarks>PostgreSQL refuses to run as root, so root runs it as <c>postgres</c> or <c>nobody</c>.</remarks>
internal sealed class PostgresServer : IAsyncDisposable
{
    private const string Missing =
        "No PostgreSQL server was found: neither postgres and initdb on the PATH nor /usr/lib/postgresql/*/bin. "
        + "Install it (Debian: apt-get install postgresql) or set AKKACHARGING_TEST_POSTGRES to a connection string.";

    // The process that starts it may be killed: its end of the pipe then closes, which stops the server.
    internal const string EndsWithItsStarter =
        """exec 3<&0; "$@" 3<&- & server=$!; { cat <&3 >/dev/null; kill -QUIT $server; } & exec 3<&-; wait $server""";

    // Of a folder, in which a server may still be writing as it ends.
    private const string GoesWithItsStarter = """cat > /dev/null; rm -rf "$1" || { sleep 1; rm -rf "$1"; }""";

    private static readonly TimeSpan StartBound = TimeSpan.FromSeconds(60);

    // Servers of this process start with copies of its files: a copy takes a tenth of the processor time of initdb.
    private static readonly Lazy<Task<PostgresServer>> Template = new(InitializeAsync);
    private static readonly Lazy<Task<PostgresServer>> Shared = new(StartSharedAsync);
    private readonly string _binaries = FindBinaries();
    private readonly (string User, string Group)? _user = Environment.IsPrivilegedProcess ? UnprivilegedUser() : null;
    private readonly string _folder;
    private readonly int _port = FreePort.Next();
    private Process? _process;

    /// <param name="folder">Null for one of its own.</param>
    private PostgresServer(string password, string? folder = null)
    {
        _folder = folder ?? Directory.CreateTempSubdirectory("akkacharging-postgres-").FullName;
        ConnectionString = new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = _port,
            Username = "akkacharging",
            Password = password,
            Database = "postgres",
        }.ConnectionString;
    }

    /// <summary>Of a superuser.</summary>
    public string ConnectionString { get; }

    /// <summary>The bytes that a thief of the disk would see.</summary>
    public string DataDirectory => Path.Combine(_folder, "data");

    /// <summary>The server of all who neither end it nor look at its files: it ends with this process.</summary>
    public static Task<PostgresServer> SharedAsync() => Shared.Value;

    public static Task<PostgresServer> StartNewAsync() => StartCopyAsync(folder: null);

    /// <summary>Starts another server that follows this one, and has each commit of this one wait for it.</summary>
    public async Task<PostgresServer> StartStandbyAsync()
    {
        var ours = new NpgsqlConnectionStringBuilder(ConnectionString);
        var standby = new PostgresServer(ours.Password!);
        await standby.OwnFolderAsync();
        await RunAsync(
            Start(
                "pg_basebackup",
                "-D",
                standby.DataDirectory,
                "-d",
                $"host={ours.Host} port={ours.Port} user={ours.Username} password={ours.Password}",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync"
            )
        );
        await standby.StartAsync();
        await ExecuteAsync("ALTER SYSTEM SET synchronous_standby_names = '*'");
        await ExecuteAsync("SELECT pg_reload_conf()");
        return standby;
    }

    /// <summary>Makes a standby a server that takes writes.</summary>
    public Task PromoteAsync() => ExecuteAsync("SELECT pg_promote()");

    /// <summary>Starts it, again after <see cref="KillAsync"/>, and waits until it answers.</summary>
    public async Task StartAsync()
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            _process = Start(
                "postgres",
                "-D",
                DataDirectory,
                "-p",
                $"{_port}",
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                $"unix_socket_directories={_folder}",
                "-c",
                "max_connections=300",
                "-c",
                "log_min_messages=fatal",
                "-c",
                "dynamic_shared_memory_type=mmap"
            ); // in its folder, which goes with it: what is killed leaves nothing in the machine's shared memory
            while (!_process.HasExited)
            {
                if (await AnswersAsync())
                    return;
                if (Stopwatch.GetElapsedTime(started) > StartBound)
                    throw new TimeoutException($"PostgreSQL did not answer within {StartBound.TotalSeconds} s.");
            }

            // After a kill the last of its processes may still hold the shared memory for a moment.
            if (Stopwatch.GetElapsedTime(started) > StartBound)
                throw new InvalidOperationException(
                    $"PostgreSQL ended with {_process.ExitCode}: {await _process.StandardError.ReadToEndAsync()}"
                );
        }
    }

    /// <summary>SIGKILL to the server and all its processes, as a power loss would end them.</summary>
    public async Task KillAsync()
    {
        if (_process is not { } process)
            return;
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<PostgresServer> StartSharedAsync()
    {
        var template = await Template.Value; // whose folder is removed with this process
        return await StartCopyAsync(Directory.CreateDirectory(Path.Combine(template._folder, "shared")).FullName);
    }

    private static async Task<PostgresServer> StartCopyAsync(string? folder)
    {
        var template = await Template.Value;
        var server = new PostgresServer(new NpgsqlConnectionStringBuilder(template.ConnectionString).Password!, folder);
        await server.OwnFolderAsync();
        await RunAsync(Process.Start("cp", ["-a", template.DataDirectory, server.DataDirectory]));
        await server.StartAsync();
        return server;
    }

    private static async Task<PostgresServer> InitializeAsync()
    {
        var template = new PostgresServer(Convert.ToHexString(RandomNumberGenerator.GetBytes(16)));
        template._process = RemoveWithThisProcess(template._folder);
        var passwordFile = Path.Combine(template._folder, "password");
        var builder = new NpgsqlConnectionStringBuilder(template.ConnectionString);
        await File.WriteAllTextAsync(passwordFile, builder.Password);
        await template.OwnFolderAsync();
        await RunAsync(
            template.Start(
                "initdb",
                "-D",
                template.DataDirectory,
                "-U",
                builder.Username!,
                "--auth=scram-sha-256",
                $"--pwfile={passwordFile}",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync"
            )
        );
        return template;
    }

    // This process may be killed: its end of the pipe then closes.
    private static Process RemoveWithThisProcess(string folder) =>
        Process.Start(
            new ProcessStartInfo("sh", ["-c", GoesWithItsStarter, "sh", folder])
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
            }
        )!;

    private Process Start(string program, params string[] arguments)
    {
        string[] command = [Path.Combine(_binaries, program), .. arguments];
        if (_user is var (user, group))
            command = ["setpriv", $"--reuid={user}", $"--regid={group}", "--init-groups", .. command];
        if (program == "postgres")
            command = ["sh", "-c", EndsWithItsStarter, "sh", .. command];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = _folder,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    private async Task OwnFolderAsync()
    {
        if (_user is var (user, group))
            await RunAsync(Process.Start("chown", ["-R", $"{user}:{group}", _folder]));
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString
        );
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task RunAsync(Process process)
    {
        using (process)
        {
            var output = process.StartInfo.RedirectStandardError
                ? process.StandardError.ReadToEndAsync()
                : Task.FromResult("");
            await process.WaitForExitAsync();
            if (process.ExitCode != 0)
                throw new InvalidOperationException(
                    $"{process.StartInfo.FileName} ended with {process.ExitCode}: {await output}"
                );
        }
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using var connection = new NpgsqlConnection(
                new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false, Timeout = 5 }.ConnectionString
            );
            await connection.OpenAsync();
            return true;
        }
        catch (NpgsqlException)
        {
            await Task.Delay(20);
            return false;
        }
    }

    private static string FindBinaries()
    {
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        var ofDebian = Directory.Exists("/usr/lib/postgresql")
            ? Directory
                .GetDirectories("/usr/lib/postgresql")
                .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), out var version) ? version : 0)
            : Enumerable.Empty<string>();
        return ofDebian
                .Select(folder => Path.Combine(folder, "bin"))
                .Concat(onPath)
                .FirstOrDefault(folder =>
                    File.Exists(Path.Combine(folder, "postgres")) && File.Exists(Path.Combine(folder, "initdb"))
                )
            ?? throw new InvalidOperationException(Missing);
    }

    private static (string User, string Group) UnprivilegedUser()
    {
        var users = File.ReadLines("/etc/passwd")
            .Select(line => line.Split(':'))
            .ToDictionary(fields => fields[0], fields => (fields[2], fields[3]), StringComparer.Ordinal);
        return users.TryGetValue("postgres", out var postgres) ? postgres : users["nobody"];
    }
}
