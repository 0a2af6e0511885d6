using AkkaCharging.Requests;

namespace AkkaCharging.Journal.Memory;

/// <summary>A settled request as a sequence of bytes.</summary>
/// <remarks>
/// A header of fixed length comes first, of which a search and a deletion read what they need without decoding the
/// row.
/// </remarks>
internal static class SettledRow
{
    private const int IdOffset = sizeof(int);
    private const int SinceOffset = IdOffset + 16;
    private const int StateOffset = SinceOffset + sizeof(long);
    private const byte None = byte.MaxValue;

    /// <summary>Writes a row.</summary>
    /// <param name="settledSince">When the request settled, by the monotonic clock.</param>
    /// <param name="claimHash">The hash of the idempotency key that the request was accepted with; null without
    /// one.</param>
    public static void Write(BinaryWriter writer, RequestRecord record, long settledSince, string? claimHash)
    {
        var start = writer.BaseStream.Position;
        writer.Write(0); // the length, known at the end
        Span<byte> id = stackalloc byte[16];
        record.Id.Value.TryWriteBytes(id);
        writer.Write(id);
        writer.Write(settledSince);
        writer.Write((byte)record.State);
        WriteText(writer, claimHash);
        writer.Write(record.StationId);
        writer.Write(record.DriverTokenMasked);
        WriteText(writer, record.ApiKeyName);
        writer.Write(record.Destination);
        writer.Write(record.TokenFingerprint);
        writer.Write(record.AcceptedAt.UtcTicks);
        writer.Write(record.SettledAt!.Value.UtcTicks);
        writer.Write(record.ExpiresAt.UtcTicks);
        writer.Write(record.AttemptsMade);
        Write(writer, record.Decision);
        writer.Write7BitEncodedInt(record.Attempts.Count);
        foreach (var attempt in record.Attempts)
            Write(writer, attempt);
        var end = writer.BaseStream.Position;
        writer.BaseStream.Position = start;
        writer.Write((int)(end - start));
        writer.BaseStream.Position = end;
    }

    /// <summary>Returns the number of bytes of the row at the start of <paramref name="row"/>.</summary>
    public static int Length(ReadOnlySpan<byte> row) => BitConverter.ToInt32(row);

    public static RequestId Id(ReadOnlySpan<byte> row) => new(new Guid(row.Slice(IdOffset, 16)));

    /// <summary>Returns when the request settled, by the monotonic clock.</summary>
    public static long SettledSince(ReadOnlySpan<byte> row) => BitConverter.ToInt64(row[SinceOffset..]);

    public static RequestState State(ReadOnlySpan<byte> row) => (RequestState)row[StateOffset];

    /// <summary>Returns the hash of the idempotency key that the request was accepted with; null without one.</summary>
    public static string? ClaimHash(byte[] bytes, int offset)
    {
        using var reader = ReaderAt(bytes, offset);
        return ReadText(reader);
    }

    /// <summary>Reads the row at <paramref name="offset"/>.</summary>
    public static RequestRecord Read(byte[] bytes, int offset)
    {
        using var reader = ReaderAt(bytes, offset);
        ReadText(reader);
        var (station, token, apiKey) = (reader.ReadString(), reader.ReadString(), ReadText(reader));
        var destination = reader.ReadString();
        var fingerprint = reader.ReadBytes(IdempotencyHasher.FingerprintBytes);
        var (acceptedAt, settledAt, expiresAt) = (ReadTime(reader), ReadTime(reader), ReadTime(reader));
        var attemptsMade = reader.ReadInt32();
        var decision = ReadDecision(reader);
        var attempts = new CallbackAttempt[reader.Read7BitEncodedInt()];
        for (var i = 0; i < attempts.Length; i++)
            attempts[i] = ReadAttempt(reader);
        var row = bytes.AsSpan(offset);
        return new(
            Id: Id(row),
            StationId: station,
            DriverTokenMasked: token,
            ApiKeyName: apiKey,
            State: State(row),
            Decision: decision,
            AcceptedAt: acceptedAt,
            SettledAt: settledAt,
            Attempts: attempts,
            ExpiresAt: expiresAt,
            AttemptsMade: attemptsMade,
            TokenFingerprint: fingerprint,
            Destination: destination
        );
    }

    private static BinaryReader ReaderAt(byte[] bytes, int offset)
    {
        var stream = new MemoryStream(bytes, writable: false) { Position = offset + StateOffset + 1 };
        return new(stream);
    }

    private static void Write(BinaryWriter writer, Decision? decision)
    {
        writer.Write(decision is null ? None : (byte)decision.Status);
        if (decision is null)
            return;
        writer.Write((byte)decision.Reason);
        writer.Write(decision.DecidedAt.UtcTicks);
        var details = decision.Details;
        writer.Write(details is not null);
        if (details is null)
            return;
        WriteText(writer, details.AuthorizationReference);
        WriteText(writer, details.Language);
        WriteText(writer, details.Text);
        WriteText(writer, details.Party);
        WriteText(writer, details.Group);
        writer.Write(details.ValidUntil?.UtcTicks ?? -1);
    }

    private static Decision? ReadDecision(BinaryReader reader)
    {
        var status = reader.ReadByte();
        if (status == None)
            return null;
        var (reason, decidedAt) = ((DecisionReason)reader.ReadByte(), ReadTime(reader));
        return new((AuthorizationStatus)status, reason, decidedAt, reader.ReadBoolean() ? ReadDetails(reader) : null);
    }

    private static AuthorizationDetails ReadDetails(BinaryReader reader)
    {
        var (reference, language, text) = (ReadText(reader), ReadText(reader), ReadText(reader));
        var (party, group, validUntil) = (ReadText(reader), ReadText(reader), reader.ReadInt64());
        return new()
        {
            AuthorizationReference = reference,
            Language = language,
            Text = text,
            Party = party,
            Group = group,
            ValidUntil = validUntil < 0 ? null : StoredNames.Time(validUntil),
        };
    }

    private static void Write(BinaryWriter writer, CallbackAttempt attempt)
    {
        writer.Write(attempt.At.UtcTicks);
        writer.Write(attempt.Duration.Ticks);
        writer.Write(attempt.HttpStatus ?? -1);
        writer.Write((byte)attempt.Outcome);
        writer.Write(attempt.Cause is { } cause ? (byte)cause : None);
    }

    private static CallbackAttempt ReadAttempt(BinaryReader reader)
    {
        var (at, duration, status) = (ReadTime(reader), TimeSpan.FromTicks(reader.ReadInt64()), reader.ReadInt32());
        var (outcome, cause) = ((CallbackOutcome)reader.ReadByte(), reader.ReadByte());
        return new(at, duration, status < 0 ? null : status, outcome, cause == None ? null : (AttemptCause)cause);
    }

    private static DateTimeOffset ReadTime(BinaryReader reader) => StoredNames.Time(reader.ReadInt64());

    private static void WriteText(BinaryWriter writer, string? text)
    {
        writer.Write(text is not null);
        if (text is not null)
            writer.Write(text);
    }

    private static string? ReadText(BinaryReader reader) => reader.ReadBoolean() ? reader.ReadString() : null;
}
