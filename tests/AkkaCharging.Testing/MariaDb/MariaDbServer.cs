using System.ComponentModel;
using System.Diagnostics;
using AkkaCharging.Testing.Postgres;
using MySqlConnector;

namespace AkkaCharging.Testing.MariaDb;

/// <summary>
/// A MariaDB server of this test run: its own data directory, a free loopback port; ends with the process that started
/// it.
/// </summary>
internal sealed class MariaDbServer : IAsyncDisposable
{
    private const string Missing =
        "No MariaDB server was found: mariadbd and mariadb-install-db must be on the PATH or in /usr/sbin. "
        + "Install it (Debian: apt-get install mariadb-server-core mariadb-client-core).";

    private static readonly TimeSpan StartBound = TimeSpan.FromSeconds(60);
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-mariadb-").FullName;
    private readonly int _port = FreePort.Next();
    private Process? _process;

    /// <summary>A connection string of a user who may do everything.</summary>
    public string ConnectionString =>
        new MySqlConnectionStringBuilder
        {
            Server = "127.0.0.1",
            Port = (uint)_port,
            UserID = "akkacharging",
            Password = "akkacharging-test",
            SslMode = MySqlSslMode.None,
        }.ConnectionString;

    public static async Task<MariaDbServer> StartNewAsync()
    {
        var server = new MariaDbServer();
        await server.InitializeAsync();
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts it, again after <see cref="KillAsync"/>, and waits until it answers.</summary>
    public async Task StartAsync()
    {
        var started = Stopwatch.GetTimestamp();
        _process = Start(
            "sh",
            "-c",
            PostgresServer.EndsWithItsStarter,
            "sh",
            Find("mariadbd"),
            "--no-defaults",
            $"--datadir={Data}",
            $"--socket={Path.Combine(_folder, "socket")}",
            $"--pid-file={Path.Combine(_folder, "pid")}",
            $"--init-file={Path.Combine(_folder, "users.sql")}",
            $"--port={_port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0",
            $"--user={Environment.UserName}"
        );
        _ = _process.StandardError.ReadToEndAsync(); // so that a full pipe does not stop it
        while (!await AnswersAsync())
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"MariaDB ended with {_process.ExitCode}.");
            if (Stopwatch.GetElapsedTime(started) > StartBound)
                throw new TimeoutException($"MariaDB did not answer within {StartBound.TotalSeconds} s.");
            await Task.Delay(100);
        }
    }

    /// <summary>A connection string of a new, empty database.</summary>
    public async Task<string> NewDatabaseAsync()
    {
        var name = $"test_{Guid.NewGuid():N}";
        await ExecuteAsync(ConnectionString, $"CREATE DATABASE {name} CHARACTER SET utf8mb4");
        return new MySqlConnectionStringBuilder(ConnectionString) { Database = name }.ConnectionString;
    }

    public static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new MySqlConnection(
            new MySqlConnectionStringBuilder(connectionString)
            {
                Pooling = false,
                AllowUserVariables = true, // so that user@host is no parameter
            }.ConnectionString
        );
        await connection.OpenAsync();
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>SIGKILL to the server.</summary>
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

    private string Data => Path.Combine(_folder, "data");

    private async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder, "users.sql"),
            """
            CREATE USER IF NOT EXISTS 'akkacharging'@'%' IDENTIFIED BY 'akkacharging-test';
            GRANT ALL ON *.* TO 'akkacharging'@'%' WITH GRANT OPTION;
            """
        );
        using var install = Start(
            Find("mariadb-install-db"),
            "--no-defaults",
            $"--datadir={Data}",
            $"--user={Environment.UserName}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db"
        );
        var output = install.StandardOutput.ReadToEndAsync();
        var error = install.StandardError.ReadToEndAsync();
        await install.WaitForExitAsync();
        if (install.ExitCode != 0)
            throw new InvalidOperationException($"mariadb-install-db failed: {await output} {await error}");
    }

    private Process Start(string program, params string[] arguments)
    {
        try
        {
            return Process.Start(
                new ProcessStartInfo(program, arguments)
                {
                    WorkingDirectory = _folder,
                    UseShellExecute = false,
                    RedirectStandardInput = true,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                }
            )!;
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException(Missing, e);
        }
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await ExecuteAsync(ConnectionString, "SELECT 1");
            return true;
        }
        catch (MySqlException)
        {
            return false;
        }
    }

    private static string Find(string program)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin");
        return folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException(Missing);
    }
}
