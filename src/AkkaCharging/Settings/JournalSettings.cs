using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>The kind of the journal: <c>journal.kind</c>.</summary>
internal enum JournalKind
{
    /// <summary>A SQLite file; needs no server.</summary>
    Sqlite,

    /// <summary>A PostgreSQL database.</summary>
    Postgres,

    /// <summary>The memory of the process: fast, but lost with the process.</summary>
    Memory,
}

/// <summary>Block <c>journal</c>.</summary>
/// <param name="Synchronous">The mode of SQLite: <c>full</c> or <c>normal</c>.</param>
/// <param name="RetentionHours">How long a settled request can be looked up.</param>
/// <param name="MaxSettledRows">Maximum number of settled requests in the journal.</param>
/// <param name="MinFreeBytes">Free disk space below which submissions are rejected.</param>
internal sealed record JournalSettings(
    JournalKind Kind,
    string Path,
    string Synchronous,
    string ConnectionString,
    IReadOnlyList<string> EncryptionKeys,
    string EncryptionKeyFile,
    int RetentionHours,
    int MaxSettledRows,
    int MinFreeBytes
)
{
    /// <summary><see cref="RetentionHours"/> as a time span.</summary>
    public TimeSpan Retention => TimeSpan.FromHours(RetentionHours);

    internal static JournalSettings Read(HoconSection hocon) =>
        new(
            Kind: hocon.Choice<JournalKind>("kind"),
            Path: hocon.One("path", SettingKind.JournalPath),
            Synchronous: hocon.One("synchronous", SettingKind.OneOf("full", "normal")),
            ConnectionString: hocon.One("connectionString", SettingKind.Secret),
            EncryptionKeys: hocon.Many("encryptionKeys", SettingKind.EncryptionKey),
            EncryptionKeyFile: hocon.Text("encryptionKeyFile"),
            RetentionHours: hocon.Count("retentionHours", min: 1, max: 8_760),
            MaxSettledRows: hocon.Count("maxSettledRows", min: 0, max: 100_000_000),
            MinFreeBytes: hocon.Count("minFreeBytes", min: 0, max: 1_073_741_824)
        );
}
